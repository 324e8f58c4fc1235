import type { MiddlewareHandler } from "hono";
import { ProblemError } from "../lib/problem.ts";
import type { AppEnv } from "./app-env.ts";

/**
 * For routes that do work for anybody, and count it by address: a page of another host could make its visitors spend what
 * they may ask for, without their knowing. It stands before everything that counts.
 */
export const refuseForeignPages: MiddlewareHandler<AppEnv> = async (c, next) => {
  if (c.get("fromForeignPage")) throw new ProblemError("origin_forbidden");
  await next();
};
