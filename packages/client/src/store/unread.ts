import type { Part } from "./part.ts";
import type { Topics } from "./topics.ts";

/** The numbers behind a red dot. */
export interface Unread {
  /** Unread messages of all rooms. Those of one room are in its line. */
  readonly total: number;
  readonly friendRequests: number;
  readonly notifications: number;
}

const NOTHING: Unread = { total: 0, friendRequests: 0, notifications: 0 };

/** The counts of what is unread. */
export class UnreadSums implements Part {
  readonly #topics: Topics<"unread">;
  #sums = NOTHING;

  constructor(topics: Topics<"unread">) {
    this.#topics = topics;
  }

  readonly get = (): Unread => this.#sums;

  /** A count has changed. */
  set(change: Partial<Unread>): void {
    const next = { ...this.#sums, ...change };
    if (JSON.stringify(next) === JSON.stringify(this.#sums)) return;
    this.#sums = next;
    this.#topics.tell("unread");
  }

  /** The part that counts something sets its count. */
  push(): void {}

  clear(): void {
    this.set(NOTHING);
  }
}
