/**
 * Who polled within the last 45 s counts as online. Five of them are the grace that presence gives every departure, so that a
 * user who polls is gone when he would be who closed a connection then.
 */
const ONLINE_MS = 40_000;

export interface AttachedUsers {
  attached(uid: number): void;
  detached(uid: number): void;
}

/** Polling readers as presence sees them: one connection for each user, from his first poll until some time after the last. */
export class PollPresence {
  readonly #presence: AttachedUsers;
  /** uid -> `uptimeMs` of the last sign; the oldest first. */
  readonly #seen = new Map<number, number>();

  constructor(presence: AttachedUsers) {
    this.#presence = presence;
  }

  /** A poll of his begins or ends. */
  seen(uid: number, nowMs: number): void {
    // Put anew, at the end.
    if (!this.#seen.delete(uid)) this.#presence.attached(uid);
    this.#seen.set(uid, nowMs);
  }

  /** Lets those go who have not polled for long; a poll that hangs is a sign of life all the time. */
  expire(nowMs: number, hangs: (uid: number) => boolean): void {
    for (const [uid, seenMs] of this.#seen) {
      if (nowMs - seenMs < ONLINE_MS) return;
      this.#seen.delete(uid);
      if (hangs(uid)) this.#seen.set(uid, nowMs);
      else this.#presence.detached(uid);
    }
  }
}
