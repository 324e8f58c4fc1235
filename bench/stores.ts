import { join } from "node:path";
import { Line } from "../packages/server/test/line.ts";
import { MeasuredPostgres } from "./measured-postgres.ts";
import { MeasuredServer } from "./measured-server.ts";
import { type SeededPerson, type SeedWish, seed, writeTokens } from "./seed.ts";

/** On the way there, and nothing on the way back: timers count in whole milliseconds, and each adds a little. */
const SLOW_MS = 1;

/** Where messages are stored, by how many nodes, and how far those are from it. */
export type StoreKind = "SQLite" | "PostgreSQL" | "PostgreSQL, two nodes" | "PostgreSQL, 1 ms";

/** The real server, one node or several, on a database with people and rooms. */
export interface Store {
  readonly kind: StoreKind;
  readonly nodes: readonly MeasuredServer[];
  readonly postgres: MeasuredPostgres | undefined;
  readonly people: readonly SeededPerson[];
  /** The file of their tokens, in the same order. */
  readonly tokens: string;
  readonly rooms: readonly number[];
}

/** Opens stores, all on PostgreSQL in one instance, and closes them. */
export class Stores implements AsyncDisposable {
  readonly #folder: string;
  readonly #closing: (() => unknown)[] = [];
  #postgres: Promise<MeasuredPostgres> | undefined;
  #count = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  /** Starts at the first call. */
  postgres(): Promise<MeasuredPostgres> {
    this.#postgres ??= MeasuredPostgres.start();
    return this.#postgres;
  }

  /** Calls this when the stores are closed, before it closes what was opened earlier. */
  endLater(end: () => unknown): void {
    this.#closing.push(end);
  }

  /** @param settings environment of the nodes */
  async open(kind: StoreKind, wish: SeedWish, settings: Record<string, string> = {}): Promise<Store> {
    this.#count += 1;
    const folder = join(this.#folder, `store-${this.#count}`);
    const postgres = kind === "SQLite" ? undefined : await this.postgres();
    const databaseUrl = await postgres?.newDatabase();
    const { people, rooms } = await seed(folder, { ...wish, databaseUrl });
    const tokens = await writeTokens(folder, people);
    const url = databaseUrl && kind === "PostgreSQL, 1 ms" ? this.#slow(databaseUrl) : databaseUrl;
    const environment = { ...(url && { DATABASE_URL: url }), ...settings };
    const nodes: MeasuredServer[] = [];
    for (let i = 0; i < (kind === "PostgreSQL, two nodes" ? 2 : 1); i++) {
      const node = await MeasuredServer.start(folder, environment, "any");
      this.endLater(() => node.kill());
      nodes.push(node);
    }
    return { kind, nodes, postgres, people, tokens, rooms };
  }

  /** The same database, at the other end of a slow line. */
  #slow(databaseUrl: string): string {
    const url = new URL(databaseUrl);
    const line = new Line(Number(url.port));
    line.delay({ toServer: SLOW_MS });
    this.#closing.push(() => line.close());
    url.port = String(line.port);
    return url.href;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const close of this.#closing.reverse()) await close();
    await (await this.#postgres)?.stop();
  }
}
