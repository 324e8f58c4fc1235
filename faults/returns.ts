import type { Resumption } from "./app.ts";
import type { Child } from "./child.ts";
import type { ClientsCall } from "./clients.ts";
import type { Person, Requests } from "./people.ts";
import { cursorParts } from "./places.ts";
import type { Random } from "./random.ts";
import { TRANSPORTS, type TransportName } from "./wire-log.ts";

/** A client came back in a way that has to bring it a RESYNC. */
export interface Return extends Resumption {
  /** `far`: more was missed than it asks for; `epoch`: its cursor is of another epoch, as after a restore. */
  readonly kind: "far" | "epoch";
  /** Where the server's readers were before it came back: at least that was there. */
  readonly backAt: string;
  /** By stream: ids of the messages that were read over HTTP, after it was live again, back to its cursor's place. */
  readonly history: Readonly<Record<string, readonly number[]>>;
}

/** How these clients read as long as nothing is up: the server keeps no place for a WebSocket, as it does for polls. */
export const STEADY: readonly TransportName[] = ["websocket"];
const MANY = 100_000;
const LOOK_MS = 100;

interface Rooms {
  readonly items: readonly { readonly id: number; readonly seq: number | null }[];
  readonly asOf: string;
}

interface History {
  readonly items: readonly { readonly message: { readonly id: number } }[];
  readonly nextCursor: string | null;
}

/** Now and then leaves a client behind, until it has to be told RESYNC, and reads what it missed as a person would. */
export class Returns {
  readonly #parts: { requests: Requests; clients: Child<ClientsCall>; random: Random };
  #over = false;

  constructor(parts: { requests: Requests; clients: Child<ClientsCall>; random: Random }) {
    this.#parts = parts;
  }

  end(): void {
    this.#over = true;
  }

  /** One client, again and again. Resolves after `end`, when it is back. @param turn which kind and transport come first */
  async run(person: Person, { client, turn }: { client: number; turn: number }): Promise<Return[]> {
    const { clients, random } = this.#parts;
    const done: Return[] = [];
    const own = random.of(`returns ${client}`);
    do {
      await Bun.sleep(own.between(300, 1_500));
      const round = done.length + turn;
      const transports = [TRANSPORTS[(done.length >> 1) % TRANSPORTS.length] as TransportName];
      const kind = round % 2 === 0 ? "far" : "epoch";
      const max = kind === "far" ? own.between(5, 30) : MANY;
      const left = await clients.ask<string>({ ask: "leave", client });
      const cursor = kind === "far" ? left : ofAnotherEpoch(left, own);
      const backAt = await this.#missed(person, max === MANY ? own.between(0, 30) : max);
      await clients.ask({ ask: "return", client, cursor, max, transports, holdMs: own.between(0, 700) });
      await clients.ask({ ask: "settle", client, transports: STEADY });
      const history = await this.#history(person, cursorParts(cursor).floor);
      done.push({ kind, cursor, max, transports, backAt, history });
    } while (!this.#over);
    return done;
  }

  /** Waits until more than so many events were logged in the person's rooms. @returns where the server stands then */
  async #missed(person: Person, count: number): Promise<string> {
    const first = heads(await this.#rooms(person));
    for (;;) {
      const now = await this.#rooms(person);
      if (heads(now) - first > count || this.#over) return this.#announced(person);
      await Bun.sleep(LOOK_MS);
    }
  }

  /** A place of the log that its readers are at: state over HTTP may be a batch ahead of it, which is not there for them yet (LOG-6). */
  async #announced(person: Person): Promise<string> {
    const { body } = await this.#parts.requests.ask(person, "GET", "/events");
    return (body as unknown as { cursor: string }).cursor;
  }

  async #history(person: Person, from: number): Promise<Record<string, number[]>> {
    const read: Record<string, number[]> = {};
    for (const { id } of (await this.#rooms(person)).items) {
      const ids: number[] = [];
      let more: string | null = "";
      while (more !== null) {
        const query: string = more === "" ? "" : `&cursor=${encodeURIComponent(more)}`;
        const { body } = await this.#parts.requests.ask(person, "GET", `/rooms/${id}/messages?limit=100${query}`);
        const { items = [], nextCursor = null } = body as Partial<History>;
        ids.push(...items.map(({ message }) => message.id));
        // Backwards: a message's id is its place in the log.
        more = (items[0]?.message.id ?? 0) > from ? nextCursor : null;
      }
      read[`room:${id}`] = ids;
    }
    return read;
  }

  async #rooms(person: Person): Promise<Rooms> {
    const { body } = await this.#parts.requests.ask(person, "GET", "/rooms?limit=100");
    return body as unknown as Rooms;
  }
}

function heads({ items }: Rooms): number {
  return items.reduce((sum, { seq }) => sum + (seq ?? 0), 0);
}

function ofAnotherEpoch(cursor: string, random: Random): string {
  const epoch = Array.from({ length: 16 }, () => random.between(0, 15).toString(16)).join("");
  return `${epoch}${cursor.slice(cursor.indexOf(";"))}`;
}
