import { type Cursor, floorCursor, LIMITS, type ResyncWhy } from "@parley/protocol";
import type { OutboxParts } from "./outbox-parts.ts";
import type { Place } from "./place.ts";
import type { ReadableStreams, StreamWindow } from "./read-window.ts";
import { isComplete, type Reading, resync, skipTrimmed } from "./reading.ts";

/** Heads of streams, none older than a position. */
export interface HeadsAt {
  readonly at: number;
  readonly of: ReadonlyMap<string, Place>;
}

/** Where a reader begins in all their streams. */
export interface ReaderStart {
  readonly streams: Map<string, Reading>;
  /** The reader has everything up to this position in every stream that is not ahead of it. */
  readonly floor: number;
  /** RESYNC frames, to be sent before anything else. */
  readonly resyncs: string[];
  /** Position at which nothing is left to read, or -1. */
  readonly completeAt: number;
  readonly heads: HeadsAt;
}

/** A stream that has to be read anew for several reasons is named once, with the first of them in this order. */
const REASONS: readonly ResyncWhy[] = ["rejoined", "trimmed", "far", "ahead"];

/**
 * Finds where a cursor puts a reader in all the streams that they may read, and which RESYNCs they need. The database is read once, in
 * one read transaction, and this node has announced everything that was seen there before the reader is shown any of it.
 * @param ask.max events behind, in one stream and in all, that are sent instead of RESYNC `far`
 */
export async function startAt(
  parts: OutboxParts,
  ask: { uid: number | undefined; cursor: Cursor; max: number | undefined },
): Promise<ReaderStart> {
  const { cursor, max } = ask;
  const readable = await parts.readWindows(ask);
  await parts.whenAnnounced(readable.end);
  if (cursor.epoch !== parts.epoch) return startAtLogEnd(parts.epoch, readable, "epoch");
  if ((cursor.floor ?? 0) > readable.end) return startAtLogEnd(parts.epoch, readable, "ahead");
  const farPerStream = max ?? LIMITS.farPerStream;
  const seqs = await seqsAtFloor(parts, readable, { cursor, depth: farPerStream + 1 });
  const streams = new Map<string, Reading>();
  const reasons = new Map<string, ResyncWhy>();
  for (const streamWindow of readable.streams) {
    const { stream } = streamWindow;
    const { reading, why } = streamStart(streamWindow, {
      cursor,
      userPos: readable.userPos,
      atFloor: seqs.get(stream),
    });
    streams.set(stream, reading);
    if (why) reasons.set(stream, why);
  }
  for (const stream of skipFarStreams(streams, readable, { perStream: farPerStream, total: max ?? LIMITS.farTotal })) {
    if (!reasons.has(stream)) reasons.set(stream, "far");
  }
  const named = REASONS.map((why) => [...reasons].filter(([, reason]) => reason === why));
  const first = REASONS[named.findIndex((of) => of.length > 0)];
  if (first && reasons.size > LIMITS.resyncStreams) return startAtLogEnd(parts.epoch, readable, first);
  const resyncs = named
    .flat()
    .map(([stream, why]) => resync({ stream, seq: (streams.get(stream) as Reading).have, why }));
  const complete = readable.streams.every(({ stream, head }) => isComplete(streams.get(stream) as Reading, head.seq));
  const completeAt = complete ? readable.end : -1;
  return { streams, floor: cursor.floor ?? 0, resyncs, completeAt, heads: headsOf(readable) };
}

/** The start at the log's end in every stream, for a reader who reads their whole state over HTTP instead. */
function startAtLogEnd(epoch: string, readable: ReadableStreams, why: ResyncWhy): ReaderStart {
  const { end } = readable;
  const streams = new Map(
    readable.streams.map((stream) => [stream.stream, readingAt(stream, { seq: stream.head.seq, pos: 0 })]),
  );
  const resyncs = [resync({ stream: "*", cursor: floorCursor(epoch, end), why })];
  return { streams, floor: end, resyncs, completeAt: end, heads: headsOf(readable) };
}

function headsOf({ end, streams }: ReadableStreams): HeadsAt {
  return { at: end, of: new Map(streams.map(({ stream, head }) => [stream, head])) };
}

/** For streams that a cursor does not name and that have events on both sides of its floor: the last seq that the floor covers. */
async function seqsAtFloor(
  { tail }: OutboxParts,
  { streams }: ReadableStreams,
  { cursor, depth }: { cursor: Cursor; depth: number },
): Promise<Map<string, number>> {
  const { floor } = cursor;
  if (floor === undefined) return new Map();
  const cut = streams.filter(
    ({ stream, joined, head }) => !cursor.streams.has(stream) && joined.pos <= floor && head.pos > floor,
  );
  // Further back than `depth`, the exact seq does not matter: the reader is too far behind in any case.
  const ranges = cut.map(({ stream, joined, left, head, firstSeq }) => {
    const upTo = Math.min(head.seq, left?.seq ?? head.seq);
    return { stream, after: Math.max(joined.seq - 1, firstSeq - 1, upTo - depth), upTo };
  });
  return tail.seqsAt(floor, ranges);
}

interface StreamStart {
  readonly reading: Reading;
  readonly why: ResyncWhy | undefined;
}

/** Finds where a cursor puts a reader in one stream, and why their state there has to be read anew, if it has to. Pure. */
function streamStart(
  of: StreamWindow,
  from: { cursor: Cursor; userPos: number | undefined; atFloor: number | undefined },
): StreamStart {
  const { stream, joined, left, before, head } = of;
  const { cursor, userPos, atFloor } = from;
  const named = cursor.streams.get(stream);
  // They left since their cursor and came back: some of what they missed is not for them, so the log cannot go on from there. The
  // cursor's entry for the stream counts, or else its floor.
  if (named === undefined ? (cursor.floor ?? before.pos) < before.pos : named < before.seq) {
    const reading = readingAt(of, { seq: joined.seq - 1, pos: Number.POSITIVE_INFINITY });
    skipTrimmed(reading, newestRemoved(of));
    return { reading, why: "rejoined" };
  }
  if (named !== undefined) {
    // Nothing follows in a stream that they have left, so there a seq beyond the head does no harm.
    const why = named > head.seq && left === null ? "ahead" : undefined;
    // The entry may lie behind the floor, so the stream has to be named again until it has caught up.
    return startFrom(of, { seq: Math.min(named, head.seq), pos: Number.POSITIVE_INFINITY }, why);
  }
  if (cursor.floor === undefined) {
    const unseen = userPos !== undefined && joined.pos > userPos;
    return startFrom(of, { seq: unseen ? joined.seq - 1 : head.seq, pos: 0 });
  }
  if (joined.pos > cursor.floor) return startFrom(of, { seq: joined.seq - 1, pos: 0 });
  if (head.pos <= cursor.floor) return startFrom(of, { seq: head.seq, pos: 0 });
  // Events of the stream lie on both sides of the floor (`seqsAtFloor` has looked for the place). Of removed events only the position of
  // the newest is known: it says whether the reader had them all. If not, they start one before it, and are told that it is gone.
  const had = of.trimmedPos <= cursor.floor;
  const last = Math.min(of.firstSeq - 1, left?.seq ?? Number.POSITIVE_INFINITY);
  return startFrom(of, { seq: had ? (atFloor ?? 0) : Math.min(atFloor ?? 0, last - 1), pos: 0 });
}

function startFrom(of: StreamWindow, at: Place, why?: ResyncWhy): StreamStart {
  const reading = readingAt(of, at);
  const isTrimmed = skipTrimmed(reading, newestRemoved(of));
  return { reading, why: isTrimmed ? "trimmed" : why };
}

function readingAt({ joined, left, head }: StreamWindow, at: Place): Reading {
  const have = Math.max(at.seq, joined.seq - 1);
  const havePos = have === head.seq ? head.pos : at.pos;
  return { have, havePos, until: left?.seq ?? null, joinedSeq: joined.seq };
}

function newestRemoved({ firstSeq, trimmedPos }: StreamWindow): Place {
  return { seq: firstSeq - 1, pos: trimmedPos };
}

/** Moves a reader who is too far behind to the heads of streams, the furthest behind first. @returns those streams */
function skipFarStreams(
  streams: ReadonlyMap<string, Reading>,
  readable: ReadableStreams,
  most: { perStream: number; total: number },
): string[] {
  const behind = readable.streams.map(({ stream, head }) => {
    const reading = streams.get(stream) as Reading;
    const last = Math.min(head.seq, reading.until ?? Number.POSITIVE_INFINITY);
    return { stream, reading, head, last, count: Math.max(0, last - reading.have) };
  });
  behind.sort((a, b) => b.count - a.count);
  let total = behind.reduce((sum, { count }) => sum + count, 0);
  const moved: string[] = [];
  for (const { stream, reading, head, last, count } of behind) {
    if (count <= most.perStream && total <= most.total) break;
    total -= count;
    reading.have = last;
    reading.havePos = head.pos;
    moved.push(stream);
  }
  return moved;
}
