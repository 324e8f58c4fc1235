import { z } from "@hono/zod-openapi";
import { LIMITS } from "@parley/protocol";
import type { Context } from "hono";
import type { AppEnv } from "../http/app-env.ts";
import { bearerToken } from "../http/authenticate.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import type { ConnectedLogin } from "./connection.ts";
import type { SignedInReader } from "./connection-lifecycle.ts";

/** Its length is checked by the parser: a cursor that is too long is malformed too. */
export const cursor = z.string().openapi({ maxLength: SIZES.cursor.count });
export const max = z.int().min(1).max(LIMITS.farMax);

/** A number in a query, where everything is text. */
export const queryNumber = (schema: z.ZodType<number, number>) =>
  z
    .string()
    .regex(/^\d{1,9}$/, "must be a whole number")
    .transform(Number)
    .pipe(schema)
    .optional();

/** The query of event streams and polls: where to continue, and the reader's token. */
export const readerQuery = z.object({
  cursor: cursor.optional().openapi({ description: "Where to continue; if absent, the answer is the current cursor" }),
  max: queryNumber(max).openapi({
    type: "integer",
    minimum: 1,
    maximum: LIMITS.farMax,
    description: `How far behind a reader may be and still get the events instead of a RESYNC; absent: ${LIMITS.farPerStream} in a stream, ${LIMITS.farTotal} in all`,
  }),
  token: z.string().optional().openapi({ description: "For clients that cannot set headers" }),
});

export interface HttpReaderParts {
  readonly findLogin: (token: string) => Promise<ConnectedLogin | undefined>;
  /** Whether a request without a token reads the hall. */
  readonly publicHall: boolean;
  /** Counts a token that was not valid. @throws ProblemError `rate_limited` when its sender has sent too many */
  readonly countBadToken: (ip: string) => void;
}

/**
 * Finds the reader that a request is for; undefined for an anonymous reader of a public hall.
 * Requests by a page of another host do not count against its visitor's address.
 * @throws ProblemError `unauthorized`, `origin_forbidden`, `rate_limited`
 */
export async function authenticateReader(
  c: Context<AppEnv>,
  parts: HttpReaderParts,
): Promise<SignedInReader | undefined> {
  const token = bearerToken(c.req.header("Authorization")) ?? c.req.query("token");
  const login = token ? await parts.findLogin(token) : undefined;
  if (!login && c.get("fromForeignPage")) throw new ProblemError("origin_forbidden");
  if (!token) {
    if (parts.publicHall) return undefined;
    throw new ProblemError("unauthorized");
  }
  if (!login) {
    parts.countBadToken(c.env.ip);
    throw new ProblemError("unauthorized", "This token is not valid; sign in again");
  }
  c.get("countRequest")?.(login.uid);
  c.set("login", login);
  return { login, token };
}
