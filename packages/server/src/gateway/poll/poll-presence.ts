/**
 * Users who polled within the last 45 s count as online. Presence itself waits five of these seconds at every departure, so this is how
 * long it sees them as attached.
 */
const ONLINE_MS = 40_000;

export interface AttachedUsers {
  attached(uid: number): void;
  detached(uid: number): void;
}

/** Shows polling users to presence: each counts as one connection, from their first poll until some time after their last. */
export class PollPresence {
  readonly #presence: AttachedUsers;
  readonly #onlineMs: number;
  /** uid -> `uptimeMs` of the last poll; the oldest first. */
  readonly #seen = new Map<number, number>();
  /** uid -> polls that are being answered. */
  readonly #open = new Map<number, number>();

  constructor(presence: AttachedUsers, onlineMs = ONLINE_MS) {
    this.#presence = presence;
    this.#onlineMs = onlineMs;
  }

  begins(uid: number, nowMs: number): void {
    this.#open.set(uid, (this.#open.get(uid) ?? 0) + 1);
    this.#sees(uid, nowMs);
  }

  ends(uid: number, nowMs: number): void {
    const left = (this.#open.get(uid) ?? 1) - 1;
    if (left > 0) this.#open.set(uid, left);
    else this.#open.delete(uid);
    this.#sees(uid, nowMs);
  }

  /** Detaches users who have not polled for long; a poll counts until it is answered, waiting or not. */
  expire(nowMs: number): void {
    for (const [uid, seenMs] of this.#seen) {
      if (nowMs - seenMs < this.#onlineMs) return;
      this.#seen.delete(uid);
      if (this.#open.has(uid)) this.#seen.set(uid, nowMs);
      else this.#presence.detached(uid);
    }
  }

  #sees(uid: number, nowMs: number): void {
    // Deleted and set again, so that it moves to the end.
    if (!this.#seen.delete(uid)) this.#presence.attached(uid);
    this.#seen.set(uid, nowMs);
  }
}
