import type { Context, MiddlewareHandler } from "hono";
import { withDeadline } from "../lib/interval.ts";
import { isDeeperThan } from "../lib/nesting.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AppEnv } from "./app-env.ts";
import { lookAgain } from "./authenticate.ts";
import { incompleteBody } from "./body-limit.ts";

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Refuses JSON bodies that are not UTF-8, of which the runtime would silently make another text, and those that are nested very deep. Only at the moment when
 * a route reads its body, so a body that nobody needs stays unread; it is decoded and parsed once. An empty body counts as an object
 * without fields, since clients that always say `application/json` send one where they have nothing to say.
 *
 * A body comes as slowly as its sender likes. So there is a time by which it has to be there, and the login that the request's head
 * named is looked at again: what was revoked meanwhile does nothing any more.
 */
export function strictJson({ waitMs }: { waitMs: number }): MiddlewareHandler<AppEnv> {
  return async (c, next) => {
    const { method } = c.req.raw;
    if (method !== "GET" && method !== "HEAD") {
      c.req.json = async () => {
        const text = await wholeBody(c, waitMs).catch((fault: unknown) => {
          // The validator answers every failure alike; the error handler looks here first.
          if (fault instanceof ProblemError) c.set("bodyFault", fault);
          throw fault;
        });
        return text === "" ? {} : JSON.parse(text);
      };
    }
    await next();
  };
}

/** @throws ProblemError */
async function wholeBody(c: Context<AppEnv>, waitMs: number): Promise<string> {
  const bytes = await withDeadline(c.req.arrayBuffer(), waitMs, "late").catch(() => {
    throw incompleteBody();
  });
  await lookAgain(c);
  if (isDeeperThan(SIZES.nesting.count, new Uint8Array(bytes))) {
    throw malformed(`The body has more than ${SIZES.nesting.count} lists and objects inside each other`);
  }
  try {
    return utf8.decode(bytes);
  } catch {
    throw malformed("The body is not valid UTF-8");
  }
}

function malformed(message: string): ProblemError {
  return new ProblemError("invalid", message, { extra: { errors: [{ path: "", message }] } });
}
