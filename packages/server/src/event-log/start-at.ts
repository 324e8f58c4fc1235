import { type Cursor, encodePush, LIMITS, Push, type ResyncWhy, userStream } from "@parley/protocol";
import type { OutboxParts } from "./outbox.ts";
import type { ReadWindow } from "./subscriptions.ts";

/** How far a reader is in one stream. */
export interface Reading {
  /** He has everything up to this seq. */
  have: number;
  /** Position of `have`; infinite while it is not known, which keeps the stream named in cursors. */
  havePos: number;
  /** Last seq he may read; null: all. */
  until: number | null;
}

interface StreamHead {
  readonly seq: number;
  readonly pos: number;
}

type Heads = ReadonlyMap<string, StreamHead>;

/** What a reader may read and where it ends, as far as this node has announced. */
interface Standing {
  readonly position: number;
  readonly windows: readonly ReadWindow[];
  readonly heads: Heads;
}

/** Where a reader begins. */
export interface Start {
  readonly streams: Map<string, Reading>;
  /** He has everything up to here in every stream that is not ahead of it. */
  readonly floor: number;
  /** RESYNC frames, to be sent before anything else. */
  readonly resyncs: string[];
  /** Position at which nothing is left to read, or -1. */
  readonly completeAt: number;
}

/**
 * Reads a cursor against the reader's windows and the log: DESIGN's table of cursors, row by row. A pure reading of state,
 * but for looking at the log's end when a cursor is ahead of this node.
 * @param ask.max events behind, in one stream and in all, that are sent instead of RESYNC `far`
 */
export async function startAt(
  parts: OutboxParts,
  ask: { uid: number | undefined; cursor: Cursor; max: number | undefined },
): Promise<Start> {
  const { uid, cursor, max } = ask;
  const own = cursor.epoch === parts.epoch;
  if (own) await parts.reach(cursor.floor ?? 0);
  let standing = await standingOf(parts, uid);
  if (own && isAhead(cursor, standing)) {
    // Another node may have told him more than this one knows yet: look at the log's end before saying so.
    await parts.reach(Number.MAX_SAFE_INTEGER);
    standing = await standingOf(parts, uid);
  }
  const { position, windows, heads } = standing;
  const streams = new Map<string, Reading>();
  if (!own || (cursor.floor ?? 0) > position) {
    for (const window of windows)
      streams.set(window.stream, readingFrom(window, headOf(heads, window), headOf(heads, window).seq));
    const now = `${parts.epoch};*@${position}`;
    return {
      streams,
      floor: position,
      resyncs: [resync({ stream: "*", cursor: now, why: own ? "ahead" : "epoch" })],
      completeAt: position,
    };
  }
  const userPos = await userPosition(parts, uid, cursor);
  const resyncs: string[] = [];
  for (const window of windows) {
    const head = headOf(heads, window);
    const named = cursor.streams.get(window.stream);
    if (named !== undefined && named > head.seq && window.leftSeq === null) {
      resyncs.push(resync({ stream: window.stream, seq: head.seq, why: "ahead" }));
    }
    const have =
      named ?? (await unnamed(parts, { window, cursor, head, userPos, depth: (max ?? LIMITS.farPerStream) + 1 }));
    streams.set(window.stream, readingFrom(window, head, Math.max(Math.min(have, head.seq), window.fromSeq - 1)));
  }
  resyncs.push(...tooFar(streams, heads, max));
  const complete = [...streams].every(([stream, reading]) => isComplete(reading, heads.get(stream)?.seq ?? 0));
  return { streams, floor: cursor.floor ?? 0, resyncs, completeAt: complete ? position : -1 };
}

/** Everything that he may read of a stream with this head has been read. */
export function isComplete(reading: Reading, headSeq: number): boolean {
  return reading.have >= headSeq || isOver(reading);
}

/** He has left, and has had the last event. */
export function isOver(reading: Reading): boolean {
  return reading.until !== null && reading.have >= reading.until;
}

export function resync(data: { stream: string; seq?: number; cursor?: string; why: ResyncWhy }): string {
  return encodePush(Push.RESYNC, data);
}

async function standingOf({ tail, windowsOf }: OutboxParts, uid: number | undefined): Promise<Standing> {
  const position = tail.position;
  const windows = (await windowsOf(uid)).filter((window) => window.joinedPos <= position);
  return { position, windows, heads: await tail.heads(windows.map((window) => window.stream)) };
}

function isAhead(cursor: Cursor, standing: Standing): boolean {
  if ((cursor.floor ?? 0) > standing.position) return true;
  return standing.windows.some(
    (window) => (cursor.streams.get(window.stream) ?? 0) > headOf(standing.heads, window).seq,
  );
}

function headOf(heads: Heads, window: ReadWindow): StreamHead {
  return heads.get(window.stream) ?? { seq: 0, pos: 0 };
}

function readingFrom(window: ReadWindow, head: StreamHead, have: number): Reading {
  return { have, havePos: have === head.seq ? head.pos : Number.POSITIVE_INFINITY, until: window.leftSeq };
}

/** Where a stream begins that the cursor does not name: by the floor; without one, at the join he has not seen, or at the head. */
async function unnamed(
  { tail }: OutboxParts,
  at: { window: ReadWindow; cursor: Cursor; head: StreamHead; userPos: number | undefined; depth: number },
): Promise<number> {
  const { window, cursor, head, userPos, depth } = at;
  const joinedAfter = (pos: number) => window.joinedPos > pos;
  if (cursor.floor === undefined) {
    return userPos !== undefined && joinedAfter(userPos) ? window.joinedSeq - 1 : head.seq;
  }
  if (joinedAfter(cursor.floor)) return window.joinedSeq - 1;
  if (head.pos <= cursor.floor) return head.seq;
  return tail.seqAt(window.stream, cursor.floor, depth);
}

/** How far the reader had come in his own stream, if his cursor names it. */
async function userPosition(
  { tail }: OutboxParts,
  uid: number | undefined,
  cursor: Cursor,
): Promise<number | undefined> {
  if (uid === undefined) return undefined;
  const stream = userStream(uid);
  const seq = cursor.streams.get(stream);
  if (seq === undefined) return undefined;
  if (seq === 0) return 0;
  const [event] = await tail.read(stream, seq - 1, 1);
  return event?.seq === seq ? event.pos : 0;
}

/** Moves him to the head where he is too far behind, the furthest first. */
function tooFar(streams: ReadonlyMap<string, Reading>, heads: Heads, max: number | undefined): string[] {
  const behind = [...streams].map(([stream, reading]) => {
    const head = Math.min(heads.get(stream)?.seq ?? 0, reading.until ?? Number.POSITIVE_INFINITY);
    return { stream, reading, head, count: Math.max(0, head - reading.have) };
  });
  behind.sort((a, b) => b.count - a.count);
  let total = behind.reduce((sum, one) => sum + one.count, 0);
  const frames: string[] = [];
  for (const { stream, reading, head, count } of behind) {
    if (count <= (max ?? LIMITS.farPerStream) && total <= (max ?? LIMITS.farTotal)) break;
    total -= count;
    reading.have = head;
    reading.havePos = heads.get(stream)?.pos ?? 0;
    frames.push(resync({ stream, seq: head, why: "far" }));
  }
  return frames;
}
