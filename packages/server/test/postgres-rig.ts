import { type DatabasePlace, openReader, openWrites, prepareDatabase, type ReadDatabase } from "../src/db/open.ts";
import { LeaseRows } from "../src/db/postgres/lease-rows.ts";
import { single } from "../src/db/procedures.ts";
import { ofServer } from "../src/db/share.ts";
import type { WriteTransaction } from "../src/db/transaction.ts";
import type { Writes } from "../src/db/writer.ts";
import { append } from "../src/event-log/event-log.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { delay } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { endLater } from "./left-running.ts";
import { Line } from "./line.ts";
import { type PostgresServer, sharedPostgres, type Template } from "./postgres-server.ts";
import { TABLES } from "./test-database.ts";

/** A database, and a node's readers and writer that reach it over a line, which a test can spoil. */
export interface PostgresRig {
  readonly server: PostgresServer;
  readonly line: Line;
  /** Without the line. */
  readonly directUrl: string;
  readonly place: DatabasePlace;
  readonly db: ReadDatabase;
  readonly writes: Writes;
  /** Logs one event that says `text`. */
  note(text: string): Promise<void>;
  /** What the log says, as somebody else reads it. */
  noted(): Promise<string[]>;
}

/** @param during is done in the middle of each batch, after it has sent what it stores */
export async function postgresRig(
  parts: {
    server?: PostgresServer;
    during?: (tx: WriteTransaction, text: string) => Promise<void>;
    template?: Template;
    /** Its name; it has a lease. */
    node?: string;
  } = {},
): Promise<PostgresRig> {
  const { server = await sharedPostgres(), during = async () => {}, node } = parts;
  const directUrl = await server.freshDatabase(server === (await sharedPostgres()) ? TABLES : undefined);
  if (server !== (await sharedPostgres())) await prepareDatabase({ dir: "", databaseUrl: directUrl }, 0);
  const line = new Line(server.port);
  const place = { url: throughLine(directUrl, line), ...(node !== undefined && { node }) };
  if (node !== undefined) {
    const lease = new LeaseRows({ url: directUrl }, node);
    await lease.take({ announced: 0, peopleVersion: 0, hearsBus: 1 });
    await lease.close();
  }
  const note = async (tx: WriteTransaction, text: string) => {
    await append(tx, [{ stream: "notes", type: 1, data: () => JSON.stringify(text) }]);
    await during(tx, text);
  };
  const db = openReader(place);
  const direct = openReader({ url: directUrl });
  const writes = openWrites(place, { table: { note: single(note, ofServer()) } });
  endLater(async () => {
    line.heal();
    await writes.close();
    await db.destroy();
    await direct.destroy();
  });
  return {
    ...{ server, line, directUrl, place, db, writes },
    note: (text) => writes.run(note, text),
    noted: async () => {
      const rows = await direct.selectFrom("events").select("data").orderBy("pos").execute();
      return rows.map(({ data }) => JSON.parse(data as string) as string);
    },
  };
}

export function throughLine(url: string, line: Line): string {
  return url.replace(/:\d+\//, `:${line.port}/`);
}

/** Asks until it is so. */
export async function until(what: string, isSo: () => Promise<boolean>, withinMs = 20_000): Promise<void> {
  const deadline = uptimeMs() + withinMs;
  while (!(await isSo())) {
    if (uptimeMs() > deadline) throw new Error(`it did not come to this: ${what}`);
    await delay(20);
  }
}

/** For the clock of a start. */
export const START = new ManualClock().now();
