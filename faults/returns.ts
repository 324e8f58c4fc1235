import type { Child } from "./child.ts";
import type { ClientsCall } from "./clients.ts";
import type { Lull } from "./lull.ts";
import type { Person, Requests } from "./people.ts";
import type { Random } from "./random.ts";
import { TRANSPORTS, type TransportName } from "./wire-log.ts";

/** How these clients read between two returns: the server keeps no reader for a WebSocket, as it does for polls. */
export const BETWEEN: readonly TransportName[] = ["websocket"];
const MANY = 100_000;
const LOOK_MS = 100;
/** Longer than a client is waited for that does not come back: a minute, and another one where it is cut off again. */
const ANSWER_MS = 150_000;

interface Rooms {
  readonly items: readonly { readonly id: number; readonly seq: number | null }[];
}

/**
 * Now and then leaves a client behind until it must get RESYNC: either because it missed more than it asks for (`far`), or because its
 * cursor belongs to another epoch, as after a restore (`epoch`).
 */
export class Returns {
  readonly #parts: { requests: Requests; clients: Child<ClientsCall>; random: Random; lull: Lull };
  #over = false;

  constructor(parts: { requests: Requests; clients: Child<ClientsCall>; random: Random; lull: Lull }) {
    this.#parts = parts;
  }

  end(): void {
    this.#over = true;
  }

  /** Does this with one client, again and again. Resolves after `end`, when it is back. @param turn which kind and transport come first */
  async run(person: Person, { client, turn }: { client: number; turn: number }): Promise<void> {
    const { clients, random } = this.#parts;
    const own = random.of(`returns ${client}`);
    for (let round = 0; !this.#over; round++) {
      await Bun.sleep(own.between(300, 1_500));
      await this.#parts.lull.over;
      const transports = [TRANSPORTS[(round >> 1) % TRANSPORTS.length] as TransportName];
      const kind = (round + turn) % 2 === 0 ? "far" : "epoch";
      const max = kind === "far" ? own.between(5, 30) : MANY;
      const left = await clients.ask<string>({ ask: "leave", client });
      const cursor = kind === "far" ? left : ofAnotherEpoch(left, own);
      await this.#missed(person, max === MANY ? own.between(0, 30) : max);
      await clients.ask({ ask: "return", client, cursor, max, transports, holdMs: own.between(0, 700) }, ANSWER_MS);
      await clients.ask({ ask: "settle", client, transports: BETWEEN }, ANSWER_MS);
    }
  }

  /** Waits until more than this many events were logged in the person's rooms. */
  async #missed(person: Person, count: number): Promise<void> {
    const first = heads(await this.#rooms(person));
    while (!this.#over && heads(await this.#rooms(person)) - first <= count) await Bun.sleep(LOOK_MS);
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
