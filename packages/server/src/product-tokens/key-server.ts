import type { TokenAlgorithm } from "../config/token-algorithms.ts";
import type { Clock } from "../lib/clock.ts";
import { every, type Stop } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { SIZES } from "../limits/sizes.ts";
import type { Logger } from "../ops/logger.ts";
import { FetchFailed, fetchJson } from "./fetch-json.ts";
import { type KeySet, KeySetUnusable, readKeySet } from "./key-set.ts";
import type { TokenKey, TokenKeys } from "./token-keys.ts";

export interface KeyServerParts {
  readonly url: string;
  readonly algorithm: TokenAlgorithm;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Called with each fetch's result. */
  readonly onFetch?: (result: "read" | "failed") => void;
  /** [5 s] */
  readonly timeoutMs?: number;
}

/** How old keys get before they are read again without a token. */
const REFRESH_MS = 5 * 60_000;
/** At most one fetch in this time, whatever tokens come: tokens, which anybody can send, must not become load for the product. */
const FETCH_EVERY_MS = 30_000;
/** The same while there are no keys, and so nobody can sign in: the product may start a moment after this server. */
const FIRST_FETCH_EVERY_MS = 2000;
/** How long the last good set stays valid while the key server is away. */
const KEPT_MS = 24 * 3_600_000;
const TIMEOUT_MS = 5000;
const LOOK_MS = 5000;

/**
 * The product's keys at an address. They are read at the start, every five minutes, and when a token names an unknown key. An answer that
 * is not a good key set changes nothing: the last good one stays valid for a day.
 */
export class KeyServer implements TokenKeys {
  readonly #parts: KeyServerParts;
  #set: KeySet | undefined;
  #readAt = Number.NEGATIVE_INFINITY;
  #triedAt = Number.NEGATIVE_INFINITY;
  #fetching: Promise<void> | undefined;
  #failing = false;
  #waiting = 0;
  readonly #stopped = new AbortController();

  constructor(parts: KeyServerParts) {
    this.#parts = parts;
  }

  /** Reads the keys, without waiting for them, and keeps them fresh. */
  start(): Stop {
    void this.refreshIfDue();
    const stop = every(LOOK_MS, () => void this.refreshIfDue());
    return () => {
      stop();
      this.#stopped.abort();
    };
  }

  /** Never rejects: what went wrong is logged. */
  async refreshIfDue(): Promise<void> {
    if (this.#ageOf(this.#readAt) >= REFRESH_MS) await this.#readAnew();
  }

  async keyFor(kid: string | undefined): Promise<TokenKey | undefined> {
    const known = this.#current()?.find(kid);
    if (known) return known;
    await this.#waitForKeys();
    const set = this.#current();
    const found = set?.find(kid);
    if (found) return found;
    // Without an answer from the key server nobody can say whether there is such a key.
    if (!set || this.#failing) throw unavailable();
    return undefined;
  }

  #current(): KeySet | undefined {
    return this.#ageOf(this.#readAt) < KEPT_MS ? this.#set : undefined;
  }

  async #waitForKeys(): Promise<void> {
    if (this.#waiting >= CAPS.tokensWaitingForKeys.count) throw unavailable();
    this.#waiting += 1;
    await this.#readAnew();
    this.#waiting -= 1;
  }

  /** Joins the running fetch, or begins one, unless one began a moment ago. */
  #readAnew(): Promise<void> {
    if (this.#fetching) return this.#fetching;
    const pauseMs = this.#current() ? FETCH_EVERY_MS : FIRST_FETCH_EVERY_MS;
    if (this.#stopped.signal.aborted || this.#ageOf(this.#triedAt) < pauseMs) return Promise.resolve();
    this.#triedAt = this.#parts.clock.now();
    this.#fetching = this.#fetch().finally(() => {
      this.#fetching = undefined;
    });
    return this.#fetching;
  }

  async #fetch(): Promise<void> {
    const { url, algorithm, clock, logger, onFetch, timeoutMs = TIMEOUT_MS } = this.#parts;
    try {
      const { signal } = this.#stopped;
      const document = await fetchJson(url, { maxBytes: SIZES.tokenKeySet.count, timeoutMs, signal });
      this.#set = await readKeySet(document, algorithm);
      this.#readAt = clock.now();
      if (this.#failing) logger.info("the product's keys can be read again");
      this.#failing = false;
      onFetch?.("read");
    } catch (error) {
      if (this.#stopped.signal.aborted) return;
      if (!(error instanceof FetchFailed || error instanceof KeySetUnusable)) logger.error({ err: error }, "no keys");
      this.#failing = true;
      onFetch?.("failed");
      const reason = error instanceof Error ? error.message : String(error);
      logger.warn(
        { reason },
        "the product's keys (JWT_JWKS_URL) could not be read; the last ones stay valid for a day",
      );
    }
  }

  /** If the clock was set back, a moment that is now in the future counts as long ago. */
  #ageOf(at: number): number {
    const age = this.#parts.clock.now() - at;
    return age < 0 ? Number.POSITIVE_INFINITY : age;
  }
}

function unavailable(): ProblemError {
  return new ProblemError("overloaded", "The product's keys cannot be read at the moment", { retryAfterMs: 5000 });
}
