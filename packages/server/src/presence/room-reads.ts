import { type SubscriptionChange, subscriptionChange, userOfStream } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import type { OnlinePerson } from "./online-room.ts";
import type { OnlineRooms, RoomsRead } from "./online-rooms.ts";
import { NOT_READ } from "./person.ts";

/** Reads the rooms that somebody is in, as they are at one position of the log. People who are requested in one turn are read together. */
export type ReadRooms = (uid: number) => Promise<RoomsRead & { asOf: number }>;

interface Waiting {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Reads the rooms of people who come online. Changes that are announced meanwhile are kept and applied after the read. */
export class RoomReads {
  readonly #rooms: OnlineRooms;
  readonly #readRooms: ReadRooms;
  readonly #personOf: (uid: number) => OnlinePerson | undefined;
  readonly #onError: (error: unknown) => void;
  /** The newest read of each person, which is the one that counts. */
  readonly #readings = new Map<OnlinePerson, object>();
  readonly #failed = new Set<OnlinePerson>();
  readonly #waiting = new Map<OnlinePerson, Waiting>();
  /** Announced since there was last no read in progress. */
  #meanwhile: { change: SubscriptionChange; pos: number; untold: ReadonlySet<number> }[] = [];
  #stopped = false;

  constructor(parts: {
    rooms: OnlineRooms;
    readRooms: ReadRooms;
    personOf: (uid: number) => OnlinePerson | undefined;
    onError: (error: unknown) => void;
  }) {
    this.#rooms = parts.rooms;
    this.#readRooms = parts.readRooms;
    this.#personOf = parts.personOf;
    this.#onError = parts.onError;
  }

  /** Reads their rooms, even if they were read before. */
  add(person: OnlinePerson): void {
    person.asOf = NOT_READ;
    this.#failed.delete(person);
    void this.#read(person);
  }

  /** Resolves when their rooms have been read once. @throws what the read throws */
  whenRead(person: OnlinePerson): Promise<void> | undefined {
    if (person.isKnown) return undefined;
    let waiting = this.#waiting.get(person);
    if (!waiting) {
      waiting = Promise.withResolvers<void>();
      this.#waiting.set(person, waiting);
    }
    return waiting.promise;
  }

  /** To be called for each event of the log that may change who is in which room. */
  onEvent(event: LoggedEvent, untold: ReadonlySet<number>): void {
    const change = subscriptionChange(event);
    // The copies in users' streams say the same again.
    if (!change || userOfStream(event.stream) !== undefined) return;
    if (this.#readings.size > 0) this.#meanwhile.push({ change, pos: event.pos, untold });
    this.#rooms.apply(change, event.pos, untold);
  }

  /** Repeats failed reads. */
  retry(): void {
    for (const person of [...this.#failed]) this.add(person);
  }

  stop(): void {
    this.#stopped = true;
    for (const { resolve } of this.#waiting.values()) resolve();
    this.#waiting.clear();
  }

  async #read(person: OnlinePerson): Promise<void> {
    const reading = {};
    this.#readings.set(person, reading);
    const before = this.#meanwhile.length;
    try {
      const { asOf, ...read } = await this.#readRooms(person.uid);
      if (this.#stopped || this.#readings.get(person) !== reading) return;
      this.#place(person, read, asOf);
      for (const { change, pos, untold } of this.#meanwhile.slice(before)) this.#rooms.apply(change, pos, untold);
      this.#waiting.get(person)?.resolve();
    } catch (error) {
      if (this.#stopped || this.#readings.get(person) !== reading) return;
      this.#failed.add(person);
      this.#waiting.get(person)?.reject(error);
      this.#onError(error);
    }
    this.#waiting.delete(person);
    // The changes just applied may have caused another read.
    if (this.#readings.get(person) === reading) this.#readings.delete(person);
    if (this.#readings.size === 0) this.#meanwhile = [];
  }

  #place(person: OnlinePerson, read: RoomsRead, asOf: number): void {
    const now = this.#personOf(person.uid);
    // They went offline and came back meanwhile, and are read anew.
    if (now && now !== person) return;
    this.#rooms.place(person, read, asOf);
    // They have gone offline. Over HTTP they were shown as online, so it is told.
    if (!now) this.#rooms.remove(person);
  }
}
