import type { Book } from "./ledger.ts";
import { keyOf } from "./log-changes.ts";
import type { Person, Requests } from "./people.ts";
import type { Random } from "./random.ts";
import { changeRoom, makeRoom, type Room, type World } from "./world.ts";

export interface ChurnCounts {
  joins: number;
  kicks: number;
  leaves: number;
  /** How often somebody left and came back at once; these also count as leavings. */
  rejoins: number;
  dissolved: number;
}

type Step = () => Promise<void>;

/** A live client hears of an event within this time. */
const SEEN_MS = 100;

/**
 * Memberships change all the time: readers are brought in, removed, leave by themselves and come back; rooms hide
 * and show their history, end, and are replaced. There is one change at a time, so that it is known who is in.
 */
export class Churn {
  readonly #requests: Requests;
  readonly #book: Book;
  readonly #world: World;
  readonly #random: Random;
  readonly #perSecond: number;
  readonly counts: ChurnCounts = { joins: 0, kicks: 0, leaves: 0, rejoins: 0, dissolved: 0 };
  /** Resolves when everything that was begun or is waiting has been done. */
  #turn: Promise<void> = Promise.resolve();
  #broughtBack = 0;
  #over = false;

  constructor(parts: { requests: Requests; world: World; book: Book; random: Random; perSecond: number }) {
    this.#requests = parts.requests;
    this.#book = parts.book;
    this.#world = parts.world;
    this.#random = parts.random;
    this.#perSecond = parts.perSecond;
  }

  async run(): Promise<void> {
    while (!this.#over) {
      await this.#inTurn(() => this.#act());
      await Bun.sleep(1000 / this.#perSecond);
    }
    await this.#turn;
  }

  /**
   * A reader is removed from one or two of their rooms, or leaves them, and is brought in again. The rooms show or hide their history
   * from then on.
   * @param what done before all of this, and when they have left
   */
  bringBack(reader: number, what: { first: Step | undefined; between: Step | undefined }): Promise<void> {
    // This has a separate sequence, since how much is drawn depends on the rooms that the reader is in by then.
    const random = this.#random.of(`returns ${this.#broughtBack++}`);
    return this.#inTurn(async () => {
      await what.first?.();
      const inside = this.#world.rooms.filter((room) => room.readers.has(reader));
      const rooms = random.some(inside, random.between(1, 2));
      for (const room of rooms) {
        await this.#setHistory(room, random.next());
        await this.#move(room, reader, random.chance(0.5) ? "kick" : "leave");
      }
      if (what.between) {
        await Bun.sleep(SEEN_MS);
        await what.between();
      }
      for (const room of rooms) await this.#comeBack(room, reader);
    });
  }

  #inTurn(act: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(act);
    return this.#turn;
  }

  end(): void {
    this.#over = true;
  }

  async #act(): Promise<void> {
    const random = this.#random;
    const { rooms, readers } = this.#world;
    const at = random.between(0, rooms.length - 1);
    const room = rooms[at] as Room;
    const what = random.weighted({ join: 38, kick: 23, leave: 15, rejoin: 14, history: 8, dissolve: 2 });
    const share = random.next();
    const leaving = random.chance(0.5) ? "kick" : "leave";
    if (what === "history") {
      await this.#setHistory(room, share);
    } else if (what === "dissolve") {
      const asked = this.#requests.ask(room.owner, "DELETE", `/rooms/${room.id}`);
      const claim = { key: keyOf.room(room.id, "dissolved"), value: "true", proof: "event" } as const;
      await this.#book.commands.book(asked, () => [claim]);
      this.counts.dissolved += 1;
      rooms[at] = await makeRoom({ requests: this.#requests, book: this.#book }, this.#world, room);
    } else {
      const inside = what !== "join";
      const able = readers.map((_, i) => i).filter((i) => room.readers.has(i) === inside);
      const reader = able[Math.floor(share * able.length)];
      if (reader === undefined) return;
      if (what !== "rejoin") return this.#move(room, reader, what);
      await this.#move(room, reader, leaving);
      await this.#comeBack(room, reader);
    }
  }

  #setHistory(room: Room, share: number): Promise<void> {
    const history = share < 0.5 ? "joined" : "all";
    return changeRoom({ requests: this.#requests, book: this.#book }, room, { history });
  }

  async #comeBack(room: Room, reader: number): Promise<void> {
    await this.#move(room, reader, "join");
    this.counts.rejoins += 1;
  }

  async #move(room: Room, reader: number, what: "join" | "kick" | "leave"): Promise<void> {
    const person = this.#world.readers[reader] as Person;
    const key = keyOf.member(room.id, person.uid);
    const { commands } = this.#book;
    if (what === "join") {
      const memberIds = [person.uid];
      const joining = this.#requests.ask(room.owner, "POST", `/rooms/${room.id}/members`, { memberIds });
      await commands.book(joining, ({ added }) => {
        const joined = Array.isArray(added) && added.includes(person.uid);
        return [{ key, value: "in", proof: joined ? "event" : "was so" }];
      });
      room.readers.add(reader);
      this.counts.joins += 1;
      return;
    }
    const by = what === "kick" ? room.owner : person;
    const leaving = this.#requests.ask(by, "DELETE", `/rooms/${room.id}/members/${person.uid}`);
    await commands.book(leaving, () => [{ key, value: "out", proof: "event" }]);
    room.readers.delete(reader);
    this.counts[what === "kick" ? "kicks" : "leaves"] += 1;
  }
}
