import { foundation } from "./0001-foundation.ts";

/**
 * Forward only, each in one transaction, applied in this order and recorded by name; a released one is never edited.
 * A database with a name that is not listed here was written by a newer version and is refused.
 */
export const MIGRATIONS = [{ name: "0001-foundation", up: foundation }] as const;
