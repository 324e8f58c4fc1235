import { CursorMalformed, floorCursor, parseCursor } from "@parley/protocol";
import type { Outbox } from "../event-log/outbox.ts";
import type { Tail } from "../event-log/tail.ts";
import { every, type Stop } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { LocalTopics } from "./local-topics.ts";
import { PollReader } from "./poll-reader.ts";

export interface PollAsk {
  readonly login: { readonly loginId: number; readonly uid: number };
  /** Undefined: tell me where now is. */
  readonly cursor: string | undefined;
  readonly limit: number;
  /** Events behind that are sent instead of RESYNC `far`. */
  readonly max: number | undefined;
  /** How long to hang when there is nothing; 0: a short poll. */
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
  readonly tail: Tail;
  readonly epoch: string;
  readonly topics: LocalTopics;
  readonly outboxOf: (uid: number) => Outbox;
  readonly presence: { attached(uid: number): void; detached(uid: number): void };
  /** Polls of one user that hang at once; the oldest is answered when one more comes. */
  readonly maxPerUser: number;
}

/** Readers kept between polls, and the streams they read in all; those unused for longest go first. */
const READERS_MAX = 20_000;
const STREAMS_MAX = 1_000_000;
/** Polls that hang at once on this node. */
const HANGING_MAX = 20_000;
/** Who polled last this long ago still counts as online. */
const ONLINE_MS = 45_000;
const LOOK_MS = 250;

interface Hanging {
  readonly loginId: number;
  readonly uid: number;
  readonly deadlineMs: number;
  readonly end: (why: "time" | "revoked") => void;
}

/**
 * Short and long poll: the same outbox as every other transport, asked again and again. A short poll is a long poll with a
 * wait of zero. One reader per login is kept between polls; a poll with any other cursor starts anew from that cursor, so a
 * lost reply is asked for again by sending the old cursor. A hanging poll has no timer and asks nothing: it waits for an
 * event of its streams, and one look four times a second ends those whose time is over.
 */
export class Polls {
  readonly #parts: PollsParts;
  /** Least recently used first. */
  readonly #kept = new Map<number, PollReader>();
  #keptWeight = 0;
  readonly #hanging = new Set<Hanging>();
  /** uid -> his, the oldest first. */
  readonly #hangingOf = new Map<number, Set<Hanging>>();
  /** uid -> `uptimeMs` until which he is online by polling. */
  readonly #online = new Map<number, number>();
  #released = false;

  constructor(parts: PollsParts) {
    this.#parts = parts;
  }

  get hanging(): number {
    return this.#hanging.size;
  }

  start(): Stop {
    const stop = every(LOOK_MS, () => this.#look());
    return () => {
      stop();
      for (const reader of this.#kept.values()) reader.close();
      this.#kept.clear();
    };
  }

  /** @throws ProblemError `cursor_malformed`, `overloaded`, `unauthorized` when the login ended while it hung */
  async poll(ask: PollAsk): Promise<PollReply> {
    const { tail, epoch } = this.#parts;
    this.#seen(ask.login.uid);
    if (ask.cursor === undefined) return { frames: [], cursor: floorCursor(epoch, tail.position), more: false };
    const { reader, first } = await this.#readerFor(ask, ask.cursor);
    try {
      const frames = [...first, ...(await reader.take(ask.limit))];
      if (frames.length === 0 && ask.waitMs > 0) {
        await this.#hang(reader, ask);
        frames.push(...(await reader.take(ask.limit)));
      }
      reader.handed = reader.outbox.cursor();
      return { frames, cursor: reader.handed, more: reader.hasMore };
    } finally {
      this.#seen(ask.login.uid);
      this.#keep(ask.login.loginId, reader);
    }
  }

  /** These logins are no more: their polls end, their readers are forgotten. */
  endLogins(loginIds: readonly number[]): void {
    const ended = new Set(loginIds);
    for (const loginId of ended) this.#forget(loginId);
    for (const one of [...this.#hanging]) if (ended.has(one.loginId)) one.end("revoked");
  }

  /** Answers every hanging poll with what there is, now and from now on; before a stop. */
  release(): void {
    this.#released = true;
    for (const one of [...this.#hanging]) one.end("time");
  }

  async #readerFor(ask: PollAsk, cursor: string): Promise<{ reader: PollReader; first: string[] }> {
    const { loginId, uid } = ask.login;
    const kept = this.#kept.get(loginId);
    // Taken out while it is used: a second poll of the same login has a reader of its own.
    if (kept?.handed === cursor) {
      this.#kept.delete(loginId);
      this.#keptWeight -= kept.weight;
      return { reader: kept, first: [] };
    }
    const parsed = parsedCursor(cursor);
    const reader = new PollReader(uid, this.#parts.outboxOf(uid), this.#parts.topics);
    return { reader, first: await reader.outbox.open(parsed, ask.max) };
  }

  async #hang(reader: PollReader, { login, waitMs, signal }: PollAsk): Promise<void> {
    if (this.#released || signal.aborted) return;
    if (this.#hanging.size >= HANGING_MAX) {
      throw new ProblemError("overloaded", "Too many requests hang on this server", { retryAfterMs: 5000 });
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const done = () => resolve();
    const stopWaiting = reader.wait(done);
    const hanging: Hanging = {
      loginId: login.loginId,
      uid: login.uid,
      deadlineMs: uptimeMs() + waitMs,
      end: (why) => (why === "time" ? resolve() : reject(new ProblemError("unauthorized", "This login has ended"))),
    };
    this.#add(hanging);
    signal.addEventListener("abort", done, { once: true });
    try {
      await promise;
    } finally {
      stopWaiting();
      signal.removeEventListener("abort", done);
      this.#remove(hanging);
    }
  }

  #add(hanging: Hanging): void {
    const own = this.#hangingOf.get(hanging.uid) ?? new Set();
    if (own.size >= this.#parts.maxPerUser) for (const oldest of [...own].slice(0, 1)) oldest.end("time");
    own.add(hanging);
    this.#hangingOf.set(hanging.uid, own);
    this.#hanging.add(hanging);
  }

  #remove(hanging: Hanging): void {
    this.#hanging.delete(hanging);
    const own = this.#hangingOf.get(hanging.uid);
    own?.delete(hanging);
    if (own?.size === 0) this.#hangingOf.delete(hanging.uid);
  }

  #keep(loginId: number, reader: PollReader): void {
    this.#forget(loginId);
    if (this.#released || reader.handed === "") return reader.close();
    this.#kept.set(loginId, reader);
    this.#keptWeight += reader.weight;
    while (this.#kept.size > READERS_MAX || (this.#keptWeight > STREAMS_MAX && this.#kept.size > 1)) {
      this.#forget(this.#kept.keys().next().value as number);
    }
  }

  #forget(loginId: number): void {
    const reader = this.#kept.get(loginId);
    if (!reader) return;
    this.#kept.delete(loginId);
    this.#keptWeight -= reader.weight;
    reader.close();
  }

  #seen(uid: number): void {
    if (!this.#online.has(uid)) this.#parts.presence.attached(uid);
    this.#online.set(uid, uptimeMs() + ONLINE_MS);
  }

  #look(): void {
    const now = uptimeMs();
    for (const one of [...this.#hanging]) if (one.deadlineMs <= now) one.end("time");
    for (const [uid, until] of this.#online) {
      if (until > now) continue;
      this.#online.delete(uid);
      this.#parts.presence.detached(uid);
    }
  }
}

function parsedCursor(text: string) {
  try {
    return parseCursor(text);
  } catch (error) {
    if (!(error instanceof CursorMalformed)) throw error;
    throw new ProblemError("cursor_malformed", `The cursor is malformed: ${error.message}`);
  }
}
