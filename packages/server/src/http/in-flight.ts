import type { MiddlewareHandler } from "hono";
import { delay } from "../lib/interval.ts";
import { ipLimitKey, ipNetworkKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";
import type { AppEnv } from "./app-env.ts";

const SPREAD = 64;

/**
 * Bounds the requests of one address that are in progress, for example because of slow bodies or slow look-ups. Event streams and waiting
 * polls do not count: their routes have answered (`held-reply.ts`), and they have their own bounds. Nor do requests with a valid server
 * key: a product's requests all come from its few backends, and each key has a rate.
 *
 * If an address (IPv6: a network) gets many refusals, a 429 comes about a second late. Otherwise a client that ignores `Retry-After` would
 * get as many refusals as this thread can make, and everybody else's requests would wait behind them. A delayed refusal holds nothing but
 * its connection and does not count, because otherwise nobody else at the address would be served.
 */
export function boundInFlight({
  most = CAPS.requestsPerAddress.count,
  atOnce = new LocalRate(LOCAL_RATES.refusalsAtOnce, { enabled: true }),
  delayMs = 1000,
  wait = delay,
}: {
  most?: number;
  atOnce?: Pick<LocalRate, "tryTake"> | undefined;
  delayMs?: number;
  wait?: (ms: number, signal: AbortSignal) => Promise<void>;
} = {}): MiddlewareHandler<AppEnv> {
  const byAddress = new Map<string, number>();
  let told = 0;
  /** Between half of the time and one and a half, in turn, so that requests that came together do not come back together. */
  const nextDelayMs = () => delayMs * (0.5 + (told++ % SPREAD) / SPREAD);
  return async (c, next) => {
    if (c.get("serverKey")) return next();
    const key = ipLimitKey(c.env.ip);
    const isToldAtOnce = () => atOnce.tryTake(ipNetworkKey(c.env.ip) ?? key);
    const others = byAddress.get(key) ?? 0;
    if (others >= most) {
      if (!isToldAtOnce()) await wait(nextDelayMs(), c.req.raw.signal);
      const message = `More than ${most} requests in flight from this address`;
      throw new ProblemError("rate_limited", message, { retryAfterMs: 1000 });
    }
    byAddress.set(key, others + 1);
    try {
      await next();
    } finally {
      const left = (byAddress.get(key) as number) - 1;
      if (left > 0) byAddress.set(key, left);
      else byAddress.delete(key);
    }
    if (c.res.status === 429 && !isToldAtOnce()) await wait(nextDelayMs(), c.req.raw.signal);
  };
}
