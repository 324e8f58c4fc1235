import { type Load, NO_LOAD } from "./own-people.ts";
import { isGone, type PeopleChunk, type PersonRow } from "./people-log.ts";

/** Told of what a message changes. */
export interface PeopleListener {
  /** Times in epoch milliseconds. */
  came(uid: number, at: number): void;
  /** `at` is undefined where it is not known. */
  went(uid: number, at: number | undefined): void;
  /** The load of somebody who is there. */
  changed(uid: number): void;
}

/**
 * What another node has said of its people. It is right up to a version, and whatever comes without what lies between is left out, to be
 * asked for again. Where the node tells everything anew, those whom it does not name have gone by the end.
 */
export class NodePeople {
  readonly #listener: PeopleListener;
  /** By uid; for most the beginning of their only connection, which is smaller. In the uptime of that node. */
  readonly #people = new Map<number, number | Load>();
  #version = 0;
  #newest = 0;
  #heard = false;
  /** Everything is being told; it is complete at this version, and nothing of it was told before that. */
  #target = 0;
  /** Those who were named since, where there were others before. */
  #named: Set<number> | undefined;
  /** Its uptime to ours, as the fastest message shows it. */
  #aheadMs = Number.POSITIVE_INFINITY;
  /** `uptimeMs` of its last message. */
  heardMs = Number.NEGATIVE_INFINITY;
  /** Those who are here stay for so long when it ends, since it said goodbye; 0: it did not. */
  keepMs = 0;

  constructor(listener: PeopleListener) {
    this.#listener = listener;
  }

  get size(): number {
    return this.#people.size;
  }

  /** There is more to know. */
  get isBehind(): boolean {
    return !this.#heard || this.#version < this.#newest;
  }

  /** What to ask it, see `PeopleLog.since`. */
  get place(): { after: number; safe: number } {
    return { after: this.#version, safe: Math.max(this.#version, this.#target) };
  }

  /** The load that somebody has there, in our uptime. */
  loadOf(uid: number): Load {
    const there = this.#people.get(uid);
    if (there === undefined) return NO_LOAD;
    const load = typeof there === "number" ? { ...NO_LOAD, connections: 1, since: there } : there;
    return { ...load, since: load.since + this.#aheadMs, pollingSince: load.pollingSince + this.#aheadMs };
  }

  /** @param times.sentMs the uptime of that node @returns whether it brought this node further */
  take(chunk: PeopleChunk, times: { sentMs: number; nowMs: number }): boolean {
    this.heardMs = times.nowMs;
    this.#aheadMs = Math.min(this.#aheadMs, times.nowMs - times.sentMs);
    this.#newest = Math.max(this.#newest, chunk.newest);
    if (chunk.forgot !== undefined && chunk.forgot > this.place.safe) this.#beginAnew(chunk);
    if (chunk.from > this.#version || (this.#heard && chunk.to <= this.#version)) return false;
    if (!this.#heard) this.#target = Math.max(this.#target, chunk.newest);
    this.#heard = true;
    for (const row of chunk.people) this.#takeRow(row);
    this.#version = Math.max(this.#version, chunk.to);
    if (this.#version >= this.#target) this.#endAnew();
    return true;
  }

  /** It has ended: some of those who are still here go. @returns whether there are more */
  dropSome(count: number): boolean {
    for (const uid of [...this.#people.keys()].slice(0, count)) this.#drop(uid);
    return this.#people.size > 0;
  }

  #beginAnew(chunk: PeopleChunk): void {
    this.#version = 0;
    this.#target = chunk.newest;
    if (this.#people.size > 0) this.#named = new Set();
  }

  #endAnew(): void {
    const named = this.#named;
    if (!named) return;
    this.#named = undefined;
    for (const uid of [...this.#people.keys()]) if (!named.has(uid)) this.#drop(uid);
  }

  #takeRow(row: PersonRow): void {
    const [uid = 0, at = 0, connections = 0, since = 0, polls = 0, pollingSince = 0] = row;
    const was = this.#people.has(uid);
    if (isGone(row)) {
      if (was) this.#drop(uid, at);
      return;
    }
    const isUsual = connections === 1 && polls === 0;
    this.#people.set(uid, isUsual ? since : { connections, since, polls, pollingSince });
    this.#named?.add(uid);
    if (!was) this.#listener.came(uid, at);
    this.#listener.changed(uid);
  }

  #drop(uid: number, at?: number): void {
    this.#people.delete(uid);
    this.#listener.went(uid, at);
  }
}
