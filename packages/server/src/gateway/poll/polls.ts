import { floorCursor } from "@parley/protocol";
import type { NodeId } from "../../bus/bus.ts";
import type { Outbox } from "../../event-log/outbox.ts";
import type { Tail } from "../../event-log/tail.ts";
import type { Clock } from "../../lib/clock.ts";
import { every, type Stop } from "../../lib/interval.ts";
import { ipLimitKey } from "../../lib/ip-range.ts";
import { isOfProduct, type LoginId } from "../../lib/login-id.ts";
import { ProblemError } from "../../lib/problem.ts";
import { uptimeMs } from "../../lib/uptime.ts";
import type { HeavyWork } from "../../limits/heavy-work.ts";
import type { Admission } from "../admission.ts";
import type { LocalTopics } from "../local-topics.ts";
import { parseClientCursor } from "../parse-cursor.ts";
import { ActivePoll, HangingPolls } from "./hanging-polls.ts";
import { type AttachedUsers, PollPresence } from "./poll-presence.ts";
import { PollReader, REPLY_LENGTH_MAX } from "./poll-reader.ts";
import { PollReaderCache } from "./poll-reader-cache.ts";

/**
 * The polling transport, short and long: one request, one reply, no connection.
 *
 * - A reply is made from the same outbox as every other transport's frames. A short poll is a long poll with a wait of zero.
 * - A reader is kept between the polls of its login, within bounds; losing it costs a query and no event. - A waiting poll has no separate
 *   timer and runs no query.
 * - Knows nothing of the other transports.
 */

export interface PollRequest {
  /** `expiresAt` in epoch milliseconds. Undefined: an anonymous reader of a public hall. */
  readonly login: { readonly loginId: LoginId; readonly uid: number; readonly expiresAt: number } | undefined;
  /** The client's address, in canonical form. */
  readonly ip: string;
  readonly userAgent: string;
  /** Whether the login that was found is still valid. */
  readonly isLoginValid: () => Promise<boolean>;
  /** Undefined: the answer is the current cursor. */
  readonly cursor: string | undefined;
  readonly limit: number;
  /** Events behind that are sent instead of RESYNC `far`. */
  readonly max: number | undefined;
  /** How long to wait when there are no events; 0: a short poll. */
  readonly waitMs: number;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export interface PollReply {
  /** JSON text of each frame. */
  readonly frames: readonly string[];
  readonly cursor: string;
  readonly more: boolean;
}

export interface PollsParts {
  /** This node's id. */
  readonly node: NodeId;
  readonly tail: Tail;
  readonly epoch: string;
  readonly topics: LocalTopics;
  readonly clock: Clock;
  readonly newOutbox: (uid: number | undefined) => Outbox;
  readonly admission: Pick<Admission, "enterAnonymous">;
  /** Counts a start of this person. @throws ProblemError `rate_limited` */
  readonly takeStart: (uid: number) => void;
  /** The refusal for somebody at a banned address. */
  readonly addressRefusal: (ip: string) => ProblemError | undefined;
  readonly heavyWork: HeavyWork;
  readonly presence: AttachedUsers;
  /** How long a user counts as attached after a poll. [40 s] */
  readonly onlineMs?: number | undefined;
  /** Polls of one user that wait at once; the oldest is answered when one more comes. */
  readonly maxPerUser: number;
  readonly gauge: { set(count: number): void };
  /** Called when a user has more waiting polls, or fewer. */
  readonly loadChanged?: (uid: number) => void;
  /** Whether the process holds as many connections as it may, of whatever kind. */
  readonly isFull: () => boolean;
}

const LOOK_MS = 250;
/** How much a poll reads without a turn among everybody's heavy reads. */
const LITTLE = { events: 50, length: 16_384 };

/**
 * Answers polls. One reader per login is kept between its polls; a poll with any other cursor starts anew from that cursor, so a client
 * gets a lost reply again by sending the old cursor. Anonymous readers cannot be told apart, so none is kept; each reads one stream and is
 * quickly built. A waiting poll waits for an event of its streams, and a check four times a second ends those whose time is over.
 */
export class Polls {
  readonly #parts: PollsParts;
  readonly #readerCache = new PollReaderCache();
  readonly #hanging: HangingPolls;
  readonly #presence: PollPresence;
  /** The polls that are being answered, waiting or not. */
  readonly #active = new Set<ActivePoll>();
  #released = false;

  constructor(parts: PollsParts) {
    this.#parts = parts;
    const { maxPerUser, gauge, loadChanged: changed } = parts;
    this.#hanging = new HangingPolls({ maxPerUser, gauge, ...(changed && { changed }) });
    this.#presence = new PollPresence(parts.presence, parts.onlineMs);
  }

  get hanging(): number {
    return this.#hanging.size;
  }

  /** How many polls of a user wait, and the `uptimeMs` since which the oldest of them does. */
  hangingOf(uid: number): { polls: number; pollingSince: number } {
    return this.#hanging.of(uid);
  }

  /** Answers the oldest waiting poll of a user. */
  answerOldest(uid: number): void {
    this.#hanging.answerOldest(uid);
  }

  start(): Stop {
    const stop = every(LOOK_MS, () => {
      const nowMs = uptimeMs();
      this.#hanging.wakeExpired(nowMs);
      this.#readerCache.dropUnused(nowMs);
      this.#presence.expire(nowMs);
    });
    return () => {
      stop();
      this.#readerCache.clear();
    };
  }

  /**
   * @throws ProblemError `cursor_malformed`, `overloaded`, `unauthorized` when the login ended meanwhile, `banned`, `rate_limited` for
   * anonymous readers, and for a reader who reads too much at once or too often from another place
   */
  async poll(ask: PollRequest): Promise<PollReply> {
    const { tail, epoch, admission, addressRefusal } = this.#parts;
    const banned = addressRefusal(ask.ip);
    if (banned) throw banned;
    const leave = ask.login ? undefined : admission.enterAnonymous(ask.ip);
    const active = new ActivePoll(ask.login, ask);
    this.#active.add(active);
    // Anonymous readers are not users, so they are not online.
    const uid = ask.login?.uid;
    if (uid !== undefined) this.#presence.begins(uid, uptimeMs());
    try {
      if (ask.cursor === undefined) return { frames: [], cursor: floorCursor(epoch, tail.position), more: false };
      return await this.#answer(ask, ask.cursor, active);
    } finally {
      this.#active.delete(active);
      if (uid !== undefined) this.#presence.ends(uid, uptimeMs());
      leave?.();
    }
  }

  /** Ends the polls of logins that have ended, and forgets their readers. */
  endLogins(loginIds: readonly LoginId[]): void {
    const ended = new Set(loginIds);
    for (const loginId of ended) this.#readerCache.forget(loginId);
    for (const active of this.#active) {
      if (active.loginId === undefined || !ended.has(active.loginId)) continue;
      active.end(loginEnded());
    }
  }

  /** Ends the polls of a user that tokens of the product's own have signed in. Their readers go when nobody has used them for a while. */
  endProductLogins(uid: number): void {
    const own = [...this.#active].filter((active) => active.uid === uid);
    this.endLogins(own.flatMap(({ loginId }) => (loginId !== undefined && isOfProduct(loginId) ? [loginId] : [])));
  }

  /** Ends the polls of a user who was banned, or whose account was disabled. Their readers go when nobody has used them for a while. */
  endKeptOut(uid: number, why: ProblemError): void {
    for (const active of this.#active) if (active.uid === uid) active.end(why);
  }

  /** Ends the polls from addresses that are banned. */
  endBannedAddresses(): void {
    for (const active of this.#active) {
      const why = this.#parts.addressRefusal(active.ip);
      if (why) active.end(why);
    }
  }

  /** The waiting polls, oldest first. */
  *views() {
    for (const poll of this.#hanging.all()) {
      const { serial, since, uid, loginId, ip, userAgent, sinceMs: lastFrameMs } = poll;
      const place = { id: this.#idOf(poll), serial, since, transport: "poll" as const };
      const who = { uid: uid ?? null, loginId: loginId ?? null, ip, userAgent };
      yield { ...place, ...who, state: "hanging", queuedBytes: 0, lastFrameMs };
    }
  }

  /** Answers a waiting poll. @param id of its view @returns whether there was one */
  answer(id: string): boolean {
    for (const poll of this.#hanging.all()) {
      if (id !== this.#idOf(poll)) continue;
      poll.wake?.();
      return true;
    }
    return false;
  }

  /** Answers all waiting polls, and lets none wait from now on; called before a stop. */
  release(): void {
    this.#released = true;
    this.#hanging.wakeAll();
  }

  /** No poll of another node has the same. */
  #idOf({ serial }: ActivePoll): string {
    return `poll-${this.#parts.node}-${serial}`;
  }

  async #answer(ask: PollRequest, cursor: string, active: ActivePoll): Promise<PollReply> {
    const who = ask.login ? ask.login.uid : ipLimitKey(ask.ip);
    const { reader, frames } = await this.#parts.heavyWork.run(who, () => this.#read(ask, { cursor, who }));
    try {
      if (frames.length === 0) {
        // No event lies between this cursor and the reader's place, so a poll that brings it again continues with this reader.
        reader.lastCursor = cursor;
        await this.#hang(reader, ask, active);
        if (!ask.signal.aborted) frames.push(...(await reader.take(ask.limit)));
      }
      active.assertMayRead();
      if (!ask.signal.aborted || frames.length > 0) reader.lastCursor = reader.outbox.cursor();
      if (this.#released || active.loginId === undefined) reader.close();
      else this.#readerCache.put(active.loginId, reader);
      return { frames, cursor: reader.lastCursor, more: reader.mayHaveMore };
    } catch (error) {
      // The reader may be ahead of frames that were never sent.
      reader.close();
      throw error;
    }
  }

  /** The frames since the cursor, and the reader that has read them. */
  async #read(
    ask: PollRequest,
    { cursor, who }: { cursor: string; who: string | number },
  ): Promise<{ reader: PollReader; frames: string[] }> {
    const { reader, first } = await this.#readerFor(ask, cursor);
    try {
      // Most polls find little and need no turn. The others take the rest when it is their turn.
      const little = await reader.take(Math.min(ask.limit, LITTLE.events), LITTLE.length);
      const frames = [...first, ...little];
      const left = ask.limit - little.length;
      if (left > 0 && reader.mayHaveMore) {
        const length = little.reduce<number>((sum, frame) => sum - frame.length, REPLY_LENGTH_MAX);
        frames.push(...(await this.#parts.heavyWork.reads.run(who, () => reader.take(left, length))));
      }
      return { reader, frames };
    } catch (error) {
      reader.close();
      throw error;
    }
  }

  async #readerFor({ login, max }: PollRequest, cursor: string): Promise<{ reader: PollReader; first: string[] }> {
    const cached = login && this.#readerCache.take(login.loginId, cursor);
    if (cached) return { reader: cached, first: [] };
    const parsed = parseClientCursor(cursor);
    if (login) this.#parts.takeStart(login.uid);
    const reader = new PollReader(this.#parts.newOutbox(login?.uid), this.#parts.topics);
    return { reader, first: await reader.outbox.open(parsed, max) };
  }

  /** Waits until there may be an event. */
  async #hang(
    reader: PollReader,
    { login, isLoginValid, waitMs, signal }: PollRequest,
    active: ActivePoll,
  ): Promise<void> {
    // No longer than the login lives, because nothing announces its expiry.
    const ms = login ? Math.min(waitMs, login.expiresAt - this.#parts.clock.now()) : waitMs;
    if (ms <= 0) return;
    // The login may have been revoked before this poll was added to the active ones, where `endLogins` would have found it.
    if (!(await isLoginValid())) active.ended = loginEnded();
    if (this.#released || active.ended || signal.aborted || reader.mayHaveMore) return;
    if (this.#parts.isFull()) {
      throw new ProblemError("overloaded", "Too many connections on this server", { retryAfterMs: 5000 });
    }
    reader.outbox.rest((stream) => this.#parts.topics.nameOf(stream));
    reader.onEvent = () => active.wake?.();
    active.since = this.#parts.clock.now();
    await this.#hanging.hang(active, { deadlineMs: uptimeMs() + ms, signal });
    reader.onEvent = undefined;
  }
}

function loginEnded(): ProblemError {
  return new ProblemError("unauthorized", "This login has ended; sign in again");
}
