import type { MiddlewareHandler } from "hono";
import { ipLimitKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/limits.ts";
import type { AppEnv } from "./app-env.ts";

const { requestsPerAddress } = CAPS;

/**
 * Bounds the requests of one address that are being worked on, as by slow bodies or slow look-ups. Event streams and polls that hang do not
 * count: their routes have answered (`held-reply.ts`), and they have bounds of their own.
 */
export function boundInFlight(most: number = requestsPerAddress.count): MiddlewareHandler<AppEnv> {
  const byAddress = new Map<string, number>();
  return async (c, next) => {
    const key = ipLimitKey(c.env.ip);
    const others = byAddress.get(key) ?? 0;
    if (others >= most) {
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
  };
}
