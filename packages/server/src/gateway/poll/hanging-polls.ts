import type { LoginId } from "../../lib/login-id.ts";
import type { ProblemError } from "../../lib/problem.ts";
import { uptimeMs } from "../../lib/uptime.ts";

/** A poll while it is being answered. */
export class ActivePoll {
  /** Undefined for an anonymous reader. */
  readonly loginId: LoginId | undefined;
  readonly uid: number | undefined;
  /** The client's address, in canonical form. */
  readonly ip: string;
  /** Why its reader may no longer read; undefined while they may. */
  ended: ProblemError | undefined;
  /** Its number in the order in which polls of this node began to wait; 0 until it does. */
  serial = 0;
  readonly userAgent: string;
  /** Epoch milliseconds at which it began to wait; 0 until it does. */
  since = 0;
  /** `uptimeMs` at which it began. */
  readonly sinceMs = uptimeMs();
  /** Set while it waits; ends the wait. */
  wake: (() => void) | undefined;
  /** `uptimeMs` at which it is answered in any case. */
  deadlineMs = 0;

  constructor(
    login: { readonly loginId: LoginId; readonly uid: number } | undefined,
    from: { readonly ip: string; readonly userAgent: string },
  ) {
    this.ip = from.ip;
    this.userAgent = from.userAgent;
    this.loginId = login?.loginId;
    this.uid = login?.uid;
  }

  /** Its reader may no longer read. */
  end(why: ProblemError): void {
    this.ended = why;
    this.wake?.();
  }

  /** @throws ProblemError when its login has ended, or its reader is kept out, since it was looked up */
  assertMayRead(): void {
    if (this.ended) throw this.ended;
  }
}

/**
 * Polls that wait for an event. They have no separate timers: an event wakes a poll, and so does the end of its login or of its client; one
 * timer for all wakes those whose time is over. A user may have a bounded number of them; when one more comes, the oldest is answered.
 * Anonymous polls are bounded by their address, before they come here.
 */
export class HangingPolls {
  readonly #maxPerUser: number;
  readonly #gauge: { set(count: number): void };
  readonly #changed: (uid: number) => void;
  readonly #hanging = new Set<ActivePoll>();
  /** By uid, the oldest first. */
  readonly #ofUser = new Map<number, Set<ActivePoll>>();
  #begun = 0;

  /**
   * @param limits.gauge gets the number of waiting polls
   * @param limits.changed called when a user has more of them, or fewer
   */
  constructor(limits: {
    maxPerUser: number;
    gauge: { set(count: number): void };
    changed?: (uid: number) => void;
  }) {
    this.#changed = limits.changed ?? (() => {});
    this.#maxPerUser = limits.maxPerUser;
    this.#gauge = limits.gauge;
  }

  get size(): number {
    return this.#hanging.size;
  }

  /** How many wait of a user, and the `uptimeMs` since which the oldest of them does. */
  of(uid: number): { polls: number; pollingSince: number } {
    const own = this.#ofUser.get(uid);
    const [oldest] = own ?? [];
    return { polls: own?.size ?? 0, pollingSince: oldest?.sinceMs ?? 0 };
  }

  /** Ends the wait of a user's oldest. */
  answerOldest(uid: number): void {
    this.#ofUser.get(uid)?.values().next().value?.wake?.();
  }

  /** Resolves when the poll has been woken. */
  hang(poll: ActivePoll, until: { deadlineMs: number; signal: AbortSignal }): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const wake = () => {
      poll.wake = undefined;
      until.signal.removeEventListener("abort", wake);
      this.#remove(poll);
      resolve();
    };
    poll.serial = ++this.#begun;
    poll.deadlineMs = until.deadlineMs;
    poll.wake = wake;
    until.signal.addEventListener("abort", wake, { once: true });
    this.#add(poll);
    return promise;
  }

  /** The oldest first. */
  all(): Iterable<ActivePoll> {
    return this.#hanging;
  }

  wakeAll(): void {
    for (const poll of [...this.#hanging]) poll.wake?.();
  }

  /** @param nowMs of `uptimeMs` */
  wakeExpired(nowMs: number): void {
    for (const poll of [...this.#hanging]) if (poll.deadlineMs <= nowMs) poll.wake?.();
  }

  #add(poll: ActivePoll): void {
    this.#hanging.add(poll);
    if (poll.uid !== undefined) this.#addOwn(poll.uid, poll);
    this.#gauge.set(this.#hanging.size);
  }

  #addOwn(uid: number, poll: ActivePoll): void {
    const own = this.#ofUser.get(uid);
    if (own && own.size >= this.#maxPerUser) this.answerOldest(uid);
    const rest = this.#ofUser.get(uid) ?? new Set();
    this.#ofUser.set(uid, rest.add(poll));
    this.#changed(uid);
  }

  #remove(poll: ActivePoll): void {
    this.#hanging.delete(poll);
    this.#gauge.set(this.#hanging.size);
    if (poll.uid === undefined) return;
    const own = this.#ofUser.get(poll.uid);
    own?.delete(poll);
    if (own?.size === 0) this.#ofUser.delete(poll.uid);
    this.#changed(poll.uid);
  }
}
