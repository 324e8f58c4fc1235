import type { Run } from "./ranges.ts";
import type { Span } from "./spans.ts";

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
  /** The seq before, and the seq that came, within one connection or one reply. */
  readonly from: number;
  readonly to: number;
}

/** A client asked to go on from a cursor, and the first part of the answer came. */
export interface WireStart {
  readonly transport: TransportName;
  /** The server that it went to. */
  readonly node: number;
  readonly cursor: string;
  /** How many missed events it wants one by one. Every client of a run says so. */
  readonly max: number;
  /** When the request was passed on. Times are those of `monotonic-clock.ts`. */
  readonly askedAt: number;
  /** When the first RESYNC was passed back; without one, the first event or the news that there is none. */
  readonly answeredAt: number;
  /** The RESYNC frames before everything else. */
  readonly resyncs: readonly string[];
  /** Something came after them, so the client got all the RESYNCs that there are. */
  readonly whole: boolean;
  /** For a poll: what is known about the poll before it, whose reader the server may have kept and may go on with (TR-47). */
  readonly kept: KeptPoll | undefined;
}

export interface KeptPoll {
  /** When the poll before it was sent: only the same server process can have kept anything. */
  readonly since: number;
  /** The reply came whole, nothing was lost for a while before it, and this poll goes on exactly where it ended. */
  readonly isSure: boolean;
}

/** What came to a client on the wire while its person was banned, except ERROR. */
export interface BanWatch {
  /** When the ban was answered. */
  readonly from: number;
  readonly came: readonly {
    readonly type: number;
    /** Of the log's events. */
    readonly stream?: string;
    readonly seq: number;
    /** When the request of its connection, or its poll, was passed on, and to which server. */
    readonly askedAt: number;
    readonly node: number;
  }[];
}

/** What went over the wire to one client, as plain data for the checker. */
export interface WireLog {
  readonly streams: Readonly<Record<string, readonly Run[]>>;
  readonly deliveries: Readonly<Record<TransportName, FirstDeliveries>>;
  /** Events that had been on the wire before; this is right if a connection broke before the client had them. */
  readonly repeats: number;
  /** Seqs that were skipped within a connection; this is right only for a reader who was out of the room. */
  readonly jumps: readonly WireOddity[];
  /** Seqs that came a second time, or went down, within a connection; this is never right. */
  readonly falls: readonly WireOddity[];
  /** Of both, beyond what is kept. */
  readonly unkept: number;
  /** Polls that followed the one before at once and brought no RESYNC are left out: the reader was kept for these. */
  readonly starts: readonly WireStart[];
  /** RESYNC frames that came after a start. */
  readonly lateResyncs: readonly string[];
  readonly opened: Readonly<Record<TransportName, number>>;
  readonly bans: readonly BanWatch[];
  /** When it was connected. */
  readonly spans: readonly Span[];
  /** Close frames from the server, by code. */
  readonly closes: Readonly<Record<string, number>>;
}

export function perTransport<T>(make: () => T): Record<TransportName, T> {
  return Object.fromEntries(TRANSPORTS.map((name) => [name, make()])) as Record<TransportName, T>;
}
