import type { Context, MiddlewareHandler } from "hono";
import { ipLimitKey } from "../lib/ip-range.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import type { AppEnv } from "./app-env.ts";
import { lookAgain } from "./authenticate.ts";
import type { Asker } from "./large-replies.ts";

/**
 * For routes that can ask for much or answer with much: they have their turn, before anything of the body is looked at, when it is that of the
 * person or the server key that asks or, where there is neither, of the address; and what is large in the reply counts until it is taken. What only reads
 * has its turn in the process as well. Stands behind `requireLogin`, `optionalLogin` or `withKey`.
 * @throws ProblemError `rate_limited`, `overloaded`, and as `lookAgain` does
 */
export const heavy = turns({ isReadTogether: false });

/** The same for what is read together with others' (`reader-starts.ts`): in a turn of its own it would be read alone, and keep the turn while it waits. */
export const heavyTogether = turns({ isReadTogether: true });

function turns({ isReadTogether }: { isReadTogether: boolean }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const asker = askerOf(c);
    const heavyWork = c.get("heavyWork");
    const largeReplies = c.get("largeReplies");
    const { method } = c.req;
    const isRead = method === "GET" || method === "HEAD";
    const work = async () => {
      await lookAgain(c);
      // Once more: since it came, others that came with it may have left their replies waiting.
      if (isRead) largeReplies.check(asker.who);
      await next();
    };
    if (!isRead) return heavyWork.run(asker.who, work);
    largeReplies.check(asker.who);
    await (isReadTogether ? heavyWork.run(asker.who, work) : heavyWork.read(asker.who, work));
    // Nobody takes a body of a HEAD.
    if (method === "GET" && c.res.ok) c.res = await largeReplies.paced(c.res, asker);
  };
}

/** What a request's work and reply are counted by. */
function askerOf(c: Context<AppEnv>): Asker {
  const login = c.get("login");
  const key = c.get("serverKey");
  const { server, ip } = c.env;
  const request = c.req.raw;
  const who = login?.uid ?? (key ? turnOf(key) : ipLimitKey(ip));
  return { who, cut: () => server?.timeout(request, 1) };
}
