import type { MiddlewareHandler } from "hono";
import { ipLimitKey, ipNetworkKey } from "../lib/ip-range.ts";
import { ProblemError } from "../lib/problem.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { LocalRate } from "../limits/local-rate.ts";
import type { AppEnv } from "./app-env.ts";
import type { FindLogin, Login } from "./login.ts";

/** Other contents of the header are left to the routes, which refuse them. */
const BEARER = /^\s*bearer\s+(\S+)\s*$/i;

/** A balancer that shares an address with everybody would remove a server that answers these with 429. */
const PROBES: ReadonlySet<string> = new Set(["/healthz", "/readyz"]);

type Rate = Pick<LocalRate, "take" | "tryTake" | "check" | "giveBack">;

/**
 * Rates of requests, whatever they ask for: for each person, and for each address and IPv6 network without a valid token. `turns` bound
 * what one of them takes from the others at any moment; these rates bound it in the long run.
 *
 * A request counts for the address until its person is known, so that routes that look at no token are counted too. If an address has used
 * up its rate, the token is looked up here, because people in an office share one address. A server key has its own rate.
 */
export function requestRates({
  findLogin,
  ofAddress = new LocalRate(LOCAL_RATES.anonymousRequests, { enabled: true }),
  ofNetwork = new LocalRate(LOCAL_RATES.anonymousRequestsOfNetwork, { enabled: true }),
  ofPerson = new LocalRate(LOCAL_RATES.requests, { enabled: true }),
}: {
  findLogin: FindLogin;
  ofAddress?: Rate | undefined;
  ofNetwork?: Rate | undefined;
  ofPerson?: Rate | undefined;
}): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    if (PROBES.has(c.req.path) || c.get("serverKey")) return next();
    const key = ipLimitKey(c.env.ip);
    const network = ipNetworkKey(c.env.ip);
    if (tryTake(key, network)) {
      c.set("countRequest", (uid) => {
        ofPerson.take(uid);
        ofAddress.giveBack(key);
        if (network !== undefined) ofNetwork.giveBack(network);
      });
    } else {
      const login = await loginOf(c.req.header("Authorization"), c.req.query("token"));
      // Counted here, since there are routes that look at no token.
      if (login) ofPerson.take(login.uid);
      else {
        ofAddress.check(key);
        if (network !== undefined) ofNetwork.check(network);
      }
    }
    await next();
  };

  function tryTake(address: string, network: string | undefined): boolean {
    if (!ofAddress.tryTake(address)) return false;
    if (network === undefined || ofNetwork.tryTake(network)) return true;
    ofAddress.giveBack(address);
    return false;
  }

  async function loginOf(header = "", inQuery: string | undefined): Promise<Login | undefined> {
    const token = BEARER.exec(header)?.[1] ?? inQuery;
    if (token === undefined) return undefined;
    return findLogin(token).catch((error: unknown) => {
      // Their requests count for the address, like those with any other invalid token.
      if (error instanceof ProblemError && error.code === "account_disabled") return undefined;
      throw error;
    });
  }
}
