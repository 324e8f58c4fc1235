import { z } from "@hono/zod-openapi";
import { SERVER_LIMITS } from "@parley/protocol";
import { problemDocument } from "../http/errors.ts";
import { Problem } from "../http/problem-replies.ts";
import { ProblemError } from "../lib/problem.ts";

/** The result of one item of a list: the status and the body that a single request would have been answered with. */
export interface ItemResult<T> {
  readonly status: number;
  readonly body: T | ReturnType<typeof problemDocument>;
}

/** The reply to a list, in the document. */
export function itemsOf<S extends z.ZodType>(schema: S) {
  const status = z.int().min(200).max(599).openapi({ example: 201 });
  const item = z.object({ status, body: z.union([schema, Problem]) });
  return z.object({ items: z.array(item).max(SERVER_LIMITS.items) });
}

/** A refusal concerns only its item; a bug fails all. @throws everything but a ProblemError */
export async function itemResult<T>(work: Promise<{ status: number; body: T }>): Promise<ItemResult<T>> {
  try {
    return await work;
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    return { status: error.status, body: problemDocument(error) };
  }
}
