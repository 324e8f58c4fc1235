import type { Ref } from "@parley/protocol";
import { ERRORS_NAMED } from "../http/errors.ts";
import { ProblemError } from "../lib/problem.ts";

/** A name in a request that stands for nobody, or for no room. */
export interface UnknownRef {
  /** Where it stands in the request, such as `to.users.17`. */
  readonly path: string;
  readonly ref: Ref;
}

/** The refusal of a request with such names, of which there is at least one. It names the first hundred. */
export function unknownRefs(code: "unknown_user" | "unknown_room", unknown: readonly UnknownRef[]): ProblemError {
  const errors = unknown.slice(0, ERRORS_NAMED).map(({ path, ref }) => {
    return { path, message: `is not known: ${named(ref)}` };
  });
  const [first] = errors;
  return new ProblemError(code, first && `${first.path} ${first.message}`, { extra: { errors } });
}

/** A number is probably the product's own id, which its database keeps as a number. */
function named(ref: Ref): string {
  return typeof ref === "number" ? `${ref} (an id of Parley's; your own ids are strings)` : JSON.stringify(ref);
}

/** Those of a list that nobody knows. @param path of the list in the request */
export function unknownIn(path: string, refs: readonly Ref[], isKnown: (ref: Ref) => boolean): UnknownRef[] {
  return refs.flatMap((ref, index) => (isKnown(ref) ? [] : [{ path: `${path}.${index}`, ref }]));
}
