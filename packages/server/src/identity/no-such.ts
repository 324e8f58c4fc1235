import type { Ref } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";

/** A path names nobody, or no room, of the product's. The refusal says so, since a path that is misspelt is 404 too. */
export function noSuch(what: "user" | "room", ref: Ref): ProblemError {
  return new ProblemError(
    "not_found",
    `There is no ${what} ${typeof ref === "string" ? JSON.stringify(ref) : `~${ref}`}`,
  );
}
