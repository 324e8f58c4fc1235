import type { MiddlewareHandler } from "hono";
import type { Clock } from "../lib/clock.ts";
import { ipLimitKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import { SlidingWindows, type WindowRate } from "../lib/sliding-windows.ts";
import { type BucketRate, TokenBuckets } from "../lib/token-bucket.ts";
import type { AppEnv } from "./app-env.ts";

/** At most `count` within any span of `windowMs`. */
export function perWindow(count: number, windowMs: number): WindowRate {
  return { count, windowMs };
}

/**
 * One named rate, counted per key (an address, a user, an account) on this node. Refusals are 429 `rate_limited` with
 * Retry-After. RATE_LIMITS=off lifts it: then every call passes.
 */
export class RateLimit {
  readonly #what: string;
  readonly #counts: TokenBuckets | SlidingWindows | undefined;

  constructor({
    what,
    rate,
    clock,
    enabled,
  }: { what: string; rate: BucketRate | WindowRate; clock: Clock; enabled: boolean }) {
    this.#what = what;
    if (!enabled) this.#counts = undefined;
    else this.#counts = "burst" in rate ? new TokenBuckets({ rate, clock }) : new SlidingWindows({ rate, clock });
  }

  /** Counts one, or refuses. */
  take(key: string | number): void {
    this.#refuseAfter(this.#counts?.take(String(key)) ?? 0);
  }

  /** Refuses if one more would be too many; counts nothing. For limits that only count failures: check first, take on failure. */
  check(key: string | number): void {
    this.#refuseAfter(this.#counts?.waitMs(String(key)) ?? 0);
  }

  /** Counts one if one is left; never refuses. Returns whether it was counted (true when limits are off). */
  tryTake(key: string | number): boolean {
    return (this.#counts?.take(String(key)) ?? 0) === 0;
  }

  /** Forgets what was counted for a key, such as after a sign-in that worked. */
  reset(key: string | number): void {
    this.#counts?.reset(String(key));
  }

  #refuseAfter(waitMs: number): void {
    if (waitMs === 0) return;
    throw new ProblemError("rate_limited", `Too many ${this.#what}; try again in ${Math.ceil(waitMs / 1000)} s`, {
      retryAfterMs: waitMs,
    });
  }
}

/** Route middleware: counts by the client's address (IPv6 by /64). For unauthenticated work only. */
export function limitByIp(limit: RateLimit): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    limit.take(ipLimitKey(c.env.ip));
    await next();
  };
}
