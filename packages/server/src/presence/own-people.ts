import { after, type Stop } from "../lib/interval.ts";

/** What this node is asked about somebody by the part that holds their connections; times are of `uptimeMs`. */
export interface Load {
  /** Connections that are open, and since when the oldest of them is theirs. */
  readonly connections: number;
  readonly since: number;
  /** Polls that hang, and since when the oldest of them does. */
  readonly polls: number;
  readonly pollingSince: number;
}

export const NO_LOAD: Load = { connections: 0, since: 0, polls: 0, pollingSince: 0 };

/** What the other nodes are told of somebody: that they are here, since when, and with what load; or when they went. */
export type PersonNews = { readonly uid: number; readonly came: number; readonly load: Load } | PersonGone;
export interface PersonGone {
  readonly uid: number;
  /** Epoch milliseconds. */
  readonly went: number;
}

export interface OwnPeopleParts {
  /** How long a departure waits for a return. */
  readonly graceMs: number;
  /** Epoch milliseconds, not before what was told of this person last. */
  readonly now: (uid: number) => number;
  readonly came: (uid: number, at: number) => void;
  readonly went: (uid: number, at: number) => void;
}

/**
 * The people who are connected to this node, which is the only authority on them: they are here while anything of theirs lives, and for a
 * grace after that, so that a page reload is not a departure.
 */
export class OwnPeople {
  readonly #parts: OwnPeopleParts;
  /** How many connections, and polling logins, each has here: 0 during the grace. Just a number, since there are many people. */
  readonly #people = new Map<number, number>();
  /** Each ends a grace. */
  readonly #graces = new Map<number, Stop>();
  #graceMs: number;
  #onChange: (uid: number, went?: number) => void = () => {};
  #stopped = false;

  constructor(parts: OwnPeopleParts) {
    this.#parts = parts;
    this.#graceMs = parts.graceMs;
  }

  /** Tells a listener whose state or load has changed; with the time at which they went. */
  watch(onChange: (uid: number, went?: number) => void): void {
    this.#onChange = onChange;
  }

  /** The load of somebody who is here is another one. */
  loadChanged(uid: number): void {
    if (this.#people.has(uid)) this.#onChange(uid);
  }

  /** How long departures wait from now on. */
  get graceMs(): number {
    return this.#graceMs;
  }

  uids(): Iterable<number> {
    return this.#people.keys();
  }

  has(uid: number): boolean {
    return this.#people.has(uid);
  }

  /** A connection, or the polls of a login, now belongs to the user. */
  attached(uid: number): void {
    const here = this.#people.get(uid);
    this.#people.set(uid, (here ?? 0) + 1);
    if (here === undefined) {
      this.#parts.came(uid, this.#parts.now(uid));
      this.#onChange(uid);
    } else if (here === 0) this.#endGrace(uid);
  }

  /** It ended. */
  detached(uid: number): void {
    const here = this.#people.get(uid);
    if (!here) return;
    this.#people.set(uid, here - 1);
    if (here > 1 || this.#stopped) return;
    const went = this.#parts.now(uid);
    const stop = after(this.#graceMs, () => {
      this.#graces.delete(uid);
      this.#people.delete(uid);
      this.#parts.went(uid, went);
      this.#onChange(uid, went);
    });
    this.#graces.set(uid, stop);
  }

  lengthenGrace(ms: number): void {
    this.#graceMs = Math.max(this.#graceMs, ms);
  }

  /** Drops the running graces. */
  stop(): void {
    this.#stopped = true;
    for (const stop of this.#graces.values()) stop();
  }

  #endGrace(uid: number): void {
    this.#graces.get(uid)?.();
    this.#graces.delete(uid);
  }
}
