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

  constructor(presence: AttachedUsers, onlineMs = ONLINE_MS) {
    this.#presence = presence;
    this.#onlineMs = onlineMs;
  }

  /** A poll of the user begins or ends. */
  seen(uid: number, nowMs: number): void {
    // Deleted and set again, so that it moves to the end.
    if (!this.#seen.delete(uid)) this.#presence.attached(uid);
    this.#seen.set(uid, nowMs);
  }

  /** Detaches users who have not polled for long; a waiting poll counts all the time. */
  expire(nowMs: number, hangs: (uid: number) => boolean): void {
    for (const [uid, seenMs] of this.#seen) {
      if (nowMs - seenMs < this.#onlineMs) return;
      this.#seen.delete(uid);
      if (hangs(uid)) this.#seen.set(uid, nowMs);
      else this.#presence.detached(uid);
    }
  }
}
