import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Clock } from "../lib/clock.ts";
import { delay, type Stop } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { sameSecret } from "../lib/same-secret.ts";
import { INTERNAL_STREAM, Internal } from "./internal-events.ts";
import type { Granted } from "./logins.ts";
import { isLiving } from "./qr-life.ts";
import { type QrChange, QrWatchers } from "./qr-watchers.ts";
import { hashOf } from "./tokens.ts";

export type QrState = "pending" | QrChange | "expired";

export interface QrCode {
  readonly code: string;
  /** Shows who asked for the code; the login is handed to its holder only. */
  readonly secret: string;
  /** The content of the QR code: `<baseUrl>/qr/<code>`. */
  readonly url: string;
  readonly expiresAt: number;
}

/** What a poll answers; the login appears once, in the answer that collects it. */
export interface QrAnswer {
  readonly state: QrState;
  readonly granted?: Granted;
}

/** The question of each poll of a requester. */
export interface QrPoll {
  readonly code: string;
  readonly secret: string;
  readonly waitMs: number;
  readonly signal?: AbortSignal;
}

/** Codes whose last answer is remembered. */
const ANSWERED_MAX = 10_000;

/**
 * Signing in by QR code: the requester shows a code, a signed-in phone scans and confirms it, and the requester collects the login
 * (`qr-actions.ts`). A code has 128 random bits, lives 60 s and is used once. States change in the database; waiting for one, which is done
 * here, costs nothing, because the changes come as internal events, on whichever node they were made.
 */
export class QrLogins {
  readonly #db: ReadDatabase;
  readonly #clock: Clock;
  readonly #watchers = new QrWatchers();
  /** The last state that a code's requester got: a long poll answers at once if there is another. */
  readonly #answered = new Map<string, QrState>();
  /** Ends each present wait. */
  readonly #waits = new Set<() => void>();
  #released = false;

  constructor(parts: { db: ReadDatabase; clock: Clock }) {
    this.#db = parts.db;
    this.#clock = parts.clock;
  }

  /** Polls and connections that wait for a code now. */
  get watching(): number {
    return this.#watchers.size;
  }

  /**
   * Calls `listener` with each further state, even if the code got there before the call; never after the stop, never twice with the same
   * state, and not at expiry.
   * @throws ProblemError `overloaded` when too many watch
   */
  watch(code: string, listener: (state: QrChange) => void): Stop {
    const stop = this.#watchers.add(code, listener);
    // A change between the caller's last look and now had no listener. If this read fails, later changes still come.
    void this.#read(code).then(
      (row) => {
        const state = row && stateOf(row, this.#clock.now());
        if (state && state !== "pending" && state !== "expired") this.#watchers.tell(code, state);
      },
      () => {},
    );
    return stop;
  }

  /**
   * A code's state, for whoever holds its secret. With `waitMs` above 0 it waits that long for a state that was not answered before, at
   * most until the code expires; an aborted `signal` ends the wait.
   * @throws ProblemError `not_found` for an unknown code or a wrong secret, `overloaded`
   */
  async state({ code, secret, waitMs, signal }: QrPoll): Promise<QrState> {
    const row = await this.#read(code);
    if (!row || !sameSecret(hashOf(secret), row.secret_hash)) throw new ProblemError("not_found");
    const now = this.#clock.now();
    let state = stateOf(row, now);
    if (waitMs > 0 && state === (this.#answered.get(code) ?? "pending")) {
      state = await this.#next({ code, known: state, waitMs, lifeMs: row.expiresAt - now, signal });
    }
    if (!signal?.aborted) this.#remember(code, state);
    return state;
  }

  /** Called for every announced event. */
  onEvent(event: LoggedEvent): void {
    if (event.stream !== INTERNAL_STREAM || event.type !== Internal.QR_CHANGED) return;
    const { code, state } = JSON.parse(event.data) as { code: string; state: QrChange };
    this.#watchers.tell(code, state);
  }

  /** Answers every waiting poll with the present state, now and from now on; before a stop. */
  release(): void {
    this.#released = true;
    for (const wake of this.#waits) wake();
  }

  async #next(ask: {
    code: string;
    known: QrState;
    waitMs: number;
    lifeMs: number;
    signal: AbortSignal | undefined;
  }): Promise<QrState> {
    const { code, known, waitMs, lifeMs, signal } = ask;
    let state = known;
    const wait = new AbortController();
    const wake = () => wait.abort();
    const stop = this.watch(code, (next) => {
      if (next === known) return;
      state = next;
      wake();
    });
    this.#waits.add(wake);
    signal?.addEventListener("abort", wake);
    if (this.#released || signal?.aborted) wake();
    await delay(Math.min(waitMs, lifeMs), wait.signal);
    signal?.removeEventListener("abort", wake);
    this.#waits.delete(wake);
    stop();
    // Decided by the wait rather than by the clock, which may differ from the timer by a millisecond.
    return !wait.signal.aborted && waitMs >= lifeMs ? "expired" : state;
  }

  #remember(code: string, state: QrState): void {
    this.#answered.delete(code);
    if (isOver(state)) return;
    this.#answered.set(code, state);
    if (this.#answered.size > ANSWERED_MAX) this.#answered.delete(this.#answered.keys().next().value as string);
  }

  #read(code: string) {
    return this.#db
      .selectFrom("qr_logins")
      .select(["secret_hash", "state", "requested_at as requestedAt", "expires_at as expiresAt"])
      .where("code", "=", code)
      .executeTakeFirst();
  }
}

type Row = { state: "pending" | QrChange | "used"; requestedAt: number; expiresAt: number };

/** As its requester sees it: a code whose login was handed out looks like an expired one. */
function stateOf(row: Row, now: number): QrState {
  if (row.state === "used") return "expired";
  if (row.state === "rejected") return "rejected";
  return isLiving(row, now) ? row.state : "expired";
}

/** No other state follows. */
function isOver(state: QrState): boolean {
  return state !== "pending" && state !== "scanned";
}
