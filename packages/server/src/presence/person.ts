import { ActiveStatus, type OnlineChange } from "@parley/protocol";

/** `asOf` of somebody whose rooms have not been read yet. */
export const NOT_READ = Number.POSITIVE_INFINITY;

/** One list for all: there are many people. */
const NOBODY: readonly number[] = [];

/** What is told of somebody. */
export interface ToldState {
  readonly uid: number;
  /** JSON text of an `OnlineChange`. */
  readonly text: string;
}

/** Somebody who is online, or who has just gone offline, which has not been told yet. */
export class Person<Room> implements ToldState {
  readonly uid: number;
  #activeStatus: OnlineChange["activeStatus"] = ActiveStatus.online;
  #lastOptTime: number;
  #text: string | undefined;
  /** How many nodes have them. */
  nodes = 1;
  /** The rooms that they are in, the large ones too. The hall, in which everybody is, is not among them. */
  rooms: Room[] = [];
  /** The position in the log as of which `rooms` is right; `NOT_READ` also while they are being read again. */
  asOf = NOT_READ;
  /** The rooms whose members take them for offline, because somebody whom they have blocked is there; most people have none. */
  hiddenIn: Set<Room> | undefined;
  /** People whom they have blocked; empty for most. */
  blocked: readonly number[] = NOBODY;
  /** `rooms` has been read once. */
  isKnown = false;

  constructor(uid: number, now: number) {
    this.uid = uid;
    this.#lastOptTime = now;
  }

  /** When they came; once they have gone, when they went. */
  get lastOptTime(): number {
    return this.#lastOptTime;
  }

  get state(): OnlineChange {
    return { uid: this.uid, activeStatus: this.#activeStatus, lastOptTime: this.#lastOptTime };
  }

  /** JSON text of the state. It is part of a frame for each of their rooms, so it is made once. */
  get text(): string {
    this.#text ??= JSON.stringify(this.state);
    return this.#text;
  }

  /** The time with which they are told as online, so that it counts more than what was told before. */
  cameAt(time: number): void {
    this.#lastOptTime = time;
    this.#text = undefined;
  }

  /** They have gone offline. */
  gone(at: number): void {
    this.#activeStatus = ActiveStatus.offline;
    this.#lastOptTime = at;
    this.#text = undefined;
  }
}
