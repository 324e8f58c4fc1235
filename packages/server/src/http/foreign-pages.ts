import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * For routes that do work for anybody, and count it by address: a page of another host could use up its visitors' limits without their
 * knowledge. It runs before everything that counts.
 */
export const refuseForeignPages: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (c.get("fromForeignPage")) throw new ProblemError("origin_forbidden");
  await next();
};
