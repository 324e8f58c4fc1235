import type { Context } from "hono";
import { ipLimitKey } from "../lib/ip-range.ts";
import type { HeavyReads } from "../limits/heavy-reads.ts";
import type { AppEnv } from "./app-env.ts";
import type { Login } from "./login.ts";

/** The part of a request that is looked at, whatever context its route has. */
type RequestContext = Pick<Context<AppEnv>, "env"> & { get(key: "login"): Login | undefined };

/**
 * For routes whose reply may be much: reads it when it is the turn of the person who asks or, where nobody is signed in, of the
 * address. @throws ProblemError `rate_limited`
 */
export function heavyRead<T>(
  c: RequestContext,
  { heavyReads }: { readonly heavyReads: HeavyReads },
  read: () => Promise<T>,
): Promise<T> {
  const login = c.get("login");
  return heavyReads.run(login ? login.uid : ipLimitKey(c.env.ip), read);
}
