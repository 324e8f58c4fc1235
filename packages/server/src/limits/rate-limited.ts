import { ProblemError } from "../lib/problem.ts";

/** The refusal beyond a rate; `counts` names what there were too many of. */
export function rateLimited(counts: string, waitMs: number): ProblemError {
  return new ProblemError("rate_limited", `Too many ${counts}; try again in ${Math.ceil(waitMs / 1000)} s`, {
    retryAfterMs: waitMs,
  });
}
