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
 * Bounds the requests of one address that are being worked on, as by slow bodies or slow look-ups. Event streams and polls that hang do not
 * count: their routes have answered (`held-reply.ts`), and they have bounds of their own. Nor do requests with a valid server key: all of a
 * product's come from its few backends, and each key has a rate.
 *
 * Where an address (IPv6: a network) gets many refusals, a 429 is told about a second later. A client that does not wait as `Retry-After` says would otherwise have as many
 * refusals as this thread can make, and everybody else's requests would stand behind them. What waits to be told holds nothing but its connection
 * and does not count, or nobody else at the address would be served.
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
  /** Half of the time to one and a half, in turn, so that what came together does not come back together. */
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
