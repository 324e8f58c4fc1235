import { ProblemError } from "../lib/problem.ts";
import { passingFault } from "./faults.ts";

/** How soon it makes sense to ask again: as long as a write waits for another program's lock. */
const AGAIN_MS = 5000;

/**
 * The database cannot be written, or not be read, for a reason that lies outside of this program and may pass: a full disk, a lock of another
 * program. The same request may succeed later; `fault` says what is wrong, and is for the operator.
 */
export class StorageFault extends ProblemError {
  /** @param fault the words of `passingFault` */
  constructor(readonly fault: string) {
    super("overloaded", "The server cannot use its storage at the moment", { retryAfterMs: AGAIN_MS });
  }
}

/** Passes on errors that are not about a database that cannot be used for now: `StorageWatch` tells of those. */
export function unlessPassing(tell: (error: unknown) => void): (error: unknown) => void {
  return (error) => {
    if (!(error instanceof StorageFault) && passingFault(error) === undefined) tell(error);
  };
}
