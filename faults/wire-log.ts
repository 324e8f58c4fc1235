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

/** A client asked to go on from a cursor, and the first part of the answer came. */
export interface WireStart {
  readonly transport: TransportName;
  readonly cursor: string;
  /** How many events behind it wants one by one. Every client of a run says so. */
  readonly max: number;
  /** When the request was passed on. Times are those of `monotonic-clock.ts`. */
  readonly askedAt: number;
  /** When the first RESYNC, or else the first event or the news that there is none, was passed back. */
  readonly answeredAt: number;
  /** The RESYNC frames before everything else. */
  readonly resyncs: readonly string[];
  /** Something came after them: the client was sent all that there are. */
  readonly whole: boolean;
  /** Of a poll: what is known of the poll before it, whose reader the server may have kept and go on with (TR-47). */
  readonly kept: KeptPoll | undefined;
}

export interface KeptPoll {
  /** When the poll before it was asked: only the same server process has kept anything. */
  readonly since: number;
  /** The reply came whole, nothing was lost for a while before it, and this poll goes on exactly there. */
  readonly isSure: boolean;
}

/** What came to a client on the wire while its person was banned, but for ERROR. */
export interface BanWatch {
  /** When the ban was answered. */
  readonly from: number;
  readonly came: readonly {
    readonly type: number;
    /** Of the log's events. */
    readonly stream?: string;
    readonly seq: number;
    /** When the request of its connection, or its poll, was passed on. */
    readonly askedAt: number;
  }[];
}

/** What went over the wire to one client: as plain data, for the checker. */
export interface WireLog {
  readonly streams: Readonly<Record<string, readonly Run[]>>;
  readonly deliveries: Readonly<Record<TransportName, FirstDeliveries>>;
  /** Events that had been on the wire before; rightly so where a connection broke before the client had them. */
  readonly repeats: number;
  /** Seqs that were passed over within a connection: that is right only for a reader who was out of the room. */
  readonly jumps: readonly WireOddity[];
  /** Seqs that came a second time, or fell, within a connection: never right. */
  readonly falls: readonly WireOddity[];
  /** Of both, beyond what is kept. */
  readonly unkept: number;
  /** Left out are polls that followed the one before at once and brought no RESYNC: for these the reader was kept. */
  readonly starts: readonly WireStart[];
  /** RESYNC frames that came later than at a start. */
  readonly lateResyncs: readonly string[];
  readonly opened: Readonly<Record<TransportName, number>>;
  readonly bans: readonly BanWatch[];
  /** Close frames of the server, by code. */
  readonly closes: Readonly<Record<string, number>>;
}

export function perTransport<T>(make: () => T): Record<TransportName, T> {
  return Object.fromEntries(TRANSPORTS.map((name) => [name, make()])) as Record<TransportName, T>;
}
