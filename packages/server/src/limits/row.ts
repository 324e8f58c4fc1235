import type { CloseCode, ErrorCode } from "@parley/protocol";

/** How the table of limits says what is bounded. */

/** What has its own count. An address is an IPv4 address or the /64 of an IPv6 address, a network the /48 of one. */
export type CountedBy =
  | "person"
  | "person and room"
  | "two people"
  | "address"
  | "network"
  | "account"
  | "account and address"
  | "connection"
  | "room"
  | "code"
  | "server key"
  | "webhook"
  | "process"
  | "database"
  | "request"
  | "reader";

/** What a client meets beyond a limit: an error code, or the close code of a connection. */
export type Refusal = { readonly code: ErrorCode } | { readonly close: CloseCode } | { readonly silently: string };

export interface RateRow {
  /** In the plural, as the refusal's message says it: "Too many …". */
  readonly counts: string;
  readonly by: CountedBy;
  /** How many within `windowMs`. */
  readonly count: number;
  readonly windowMs: number;
  /** How many at once after a pause, if that differs from `count`. */
  readonly burst?: number;
  /**
   * Each process counts by itself and tells the others (`rate-tellings.ts`): ten times a second, or, `many`, what has few once a second. Absent: the
   * processes know nothing of each other's, so several let as many times more pass. That is right for what only costs the process that is asked.
   */
  readonly told?: "each" | "many";
  /** RATE_LIMITS=off does not lift it: it says what readers may expect rather than what the server can bear. */
  readonly always?: true;
  readonly refusal: Refusal;
  /** The environment variable whose default `count` is. */
  readonly setting?: string;
}

export interface BoundRow {
  readonly counts: string;
  readonly by: CountedBy;
  /** Each process counts alone, so there may be as many times more as there are processes. */
  readonly ofProcess?: true;
  readonly count: number;
  readonly unit?: "bytes" | "characters" | "code points" | "seconds" | "days" | "% of the files that it may open";
  readonly refusal: Refusal;
  /** The environment variable whose default `count` is. */
  readonly setting?: string;
}
