import * as postgres from "./postgres/faults.ts";
import * as sqlite from "./sqlite/faults.ts";

/** What Kysely says to a request that came too late. */
const CLOSED = "driver has already been destroyed";

/**
 * What is wrong with a database that was in use already, to be said after its name; undefined for an error that is about what was asked of it, or
 * against which waiting does not help.
 */
export function passingFault(error: unknown): string | undefined {
  if (error instanceof Error && error.message === CLOSED) return "is closed, since this server stops or begins anew";
  return sqlite.passingFault(error) ?? postgres.passingFault(error);
}
