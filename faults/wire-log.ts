import type { Run } from "./ranges.ts";

export const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

/** Events that reached a client on the wire for the first time. */
export interface FirstDeliveries {
  live: number;
  backfill: number;
}

/** Something on the wire that needs an explanation. */
export interface WireOddity {
  readonly stream: string;
  readonly transport: TransportName;
  /** Within one connection, or one reply: the seq before, and the seq that came. */
  readonly from: number;
  readonly to: number;
}

/** RESYNCs that came together. */
export interface WireResync {
  readonly frames: string[];
  /** Something came after them, so the client had all of them. */
  whole: boolean;
}

/** What went over the wire to one client: as plain data, for the checker. */
export interface WireLog {
  readonly streams: Readonly<Record<string, readonly Run[]>>;
  readonly deliveries: Readonly<Record<TransportName, FirstDeliveries>>;
  /** Events that had been on the wire before; rightly so where a connection broke before the client had them. */
  readonly repeats: number;
  /** Seqs that were passed over within a connection: only who was out of the room may see that. */
  readonly jumps: readonly WireOddity[];
  /** Seqs that came a second time, or fell, within a connection: never right. */
  readonly falls: readonly WireOddity[];
  /** Of both, beyond what is kept. */
  readonly unkept: number;
  readonly resyncs: readonly WireResync[];
  readonly opened: Readonly<Record<TransportName, number>>;
  /** Close frames of the server, by code. */
  readonly closes: Readonly<Record<string, number>>;
  readonly drains: number;
}

export function perTransport<T>(make: () => T): Record<TransportName, T> {
  return Object.fromEntries(TRANSPORTS.map((name) => [name, make()])) as Record<TransportName, T>;
}
