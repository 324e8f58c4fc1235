import { type Cursor, floorCursor, LIMITS, type ResyncWhy } from "@parley/protocol";
import type { Place } from "./log-reader.ts";
import { isComplete, type Progress, resync, skipTrimmed } from "./progress.ts";
import type { ReadableStreams, StreamWindow } from "./read-window.ts";
import type { Tail } from "./tail.ts";

/** Needed to find a start; shared by all readers. */
export interface StartParts {
  readonly tail: Tail;
  readonly epoch: string;
  /** Resolves when this node has announced everything up to a committed position. */
  readonly whenAnnounced: (position: number) => Promise<void>;
  /** Reads which streams a user, or without a uid an anonymous reader, may read, in one read transaction. */
  readonly readWindows: (reader: { uid: number | undefined; cursor: Cursor }) => Promise<ReadableStreams>;
}

/** The newest events of streams, none older than at the position `at`. */
export interface HeadsAt {
  readonly at: number;
  readonly of: ReadonlyMap<string, Place>;
}

/** Where a reader begins in all their streams. */
export interface ReaderStart {
  readonly streams: Map<string, Progress>;
  /** The reader has everything up to this position in every stream that is not ahead of it. */
  readonly floor: number;
  /** RESYNC frames, to be sent before anything else. */
  readonly resyncs: string[];
  /** The position up to which the reader has everything in all their streams; -1 if something is left to read. */
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
  parts: StartParts,
  ask: { uid: number | undefined; cursor: Cursor; max: number | undefined },
): Promise<ReaderStart> {
  const { cursor, max } = ask;
  const readable = await parts.readWindows(ask);
  await parts.whenAnnounced(readable.end);
  if (cursor.epoch !== parts.epoch) return startAtLogEnd(parts.epoch, readable, "epoch");
  if ((cursor.floor ?? 0) > readable.end) return startAtLogEnd(parts.epoch, readable, "ahead");
  const farPerStream = max ?? LIMITS.farPerStream;
  const seqs = await seqsAtFloor(parts, readable, { cursor, depth: farPerStream + 1 });
  const streams = new Map<string, Progress>();
  const reasons = new Map<string, ResyncWhy>();
  for (const of of readable.streams) {
    const from = { cursor, userPos: readable.userPos, atFloor: seqs.get(of.stream) };
    const { progress, why } = streamStart(of, from);
    streams.set(of.stream, progress);
    if (why) reasons.set(of.stream, why);
  }
  for (const stream of skipFarStreams(streams, readable, { perStream: farPerStream, total: max ?? LIMITS.farTotal })) {
    if (!reasons.has(stream)) reasons.set(stream, "far");
  }
  const told = [...reasons].sort(([, a], [, b]) => REASONS.indexOf(a) - REASONS.indexOf(b));
  const first = told[0]?.[1];
  if (first && told.length > LIMITS.resyncStreams) return startAtLogEnd(parts.epoch, readable, first);
  const resyncs = told.map(([stream, why]) => resync({ stream, seq: (streams.get(stream) as Progress).have, why }));
  const complete = readable.streams.every(({ stream, head }) => isComplete(streams.get(stream) as Progress, head.seq));
  const completeAt = complete ? readable.end : -1;
  return { streams, floor: cursor.floor ?? 0, resyncs, completeAt, heads: headsOf(readable) };
}

/** The start at the log's end in every stream, for a reader who reads their whole state over HTTP instead. */
function startAtLogEnd(epoch: string, readable: ReadableStreams, why: ResyncWhy): ReaderStart {
  const { end } = readable;
  const streams = new Map(
    readable.streams.map((stream) => [stream.stream, progressAt(stream, { seq: stream.head.seq, pos: 0 })]),
  );
  const resyncs = [resync({ stream: "*", cursor: floorCursor(epoch, end), why })];
  return { streams, floor: end, resyncs, completeAt: end, heads: headsOf(readable) };
}

function headsOf({ end, streams }: ReadableStreams): HeadsAt {
  return { at: end, of: new Map(streams.map(({ stream, head }) => [stream, head])) };
}

/** For streams that a cursor does not name and that have events on both sides of its floor: the last seq that the floor covers. */
async function seqsAtFloor(
  { tail }: StartParts,
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
  readonly progress: Progress;
  readonly why: ResyncWhy | undefined;
}

/** Finds where a cursor puts a reader in one stream, and why their state there has to be read anew, if it has to. Pure. */
function streamStart(
  of: StreamWindow,
  from: { cursor: Cursor; userPos: number | undefined; atFloor: number | undefined },
): StreamStart {
  const { stream, joined, left, leftBefore, head } = of;
  const { cursor, userPos, atFloor } = from;
  const named = cursor.streams.get(stream);
  // They left after their cursor and came back: some of what they missed is not for them, so the log cannot continue from there. The
  // cursor's entry for the stream counts, or else its floor.
  if (named === undefined ? (cursor.floor ?? leftBefore.pos) < leftBefore.pos : named < leftBefore.seq) {
    return startFrom(of, { seq: joined.seq - 1, pos: Number.POSITIVE_INFINITY }, "rejoined");
  }
  if (named !== undefined) {
    // Nothing follows in a stream that they have left, so a seq beyond the head is harmless there.
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
  // Events of the stream lie on both sides of the floor (`seqsAtFloor` has looked for the place). Only the position of the newest removed
  // event is known: it says whether the reader had them all. If not, they start one before it, and are told that it is gone.
  const had = of.trimmedPos <= cursor.floor;
  const last = Math.min(of.firstSeq - 1, left?.seq ?? Number.POSITIVE_INFINITY);
  return startFrom(of, { seq: had ? (atFloor ?? 0) : Math.min(atFloor ?? 0, last - 1), pos: 0 });
}

function startFrom(of: StreamWindow, at: Place, why?: ResyncWhy): StreamStart {
  const progress = progressAt(of, at);
  const isTrimmed = skipTrimmed(progress, { seq: of.firstSeq - 1, pos: of.trimmedPos });
  return { progress, why: why ?? (isTrimmed ? "trimmed" : undefined) };
}

function progressAt({ joined, left, head }: StreamWindow, at: Place): Progress {
  const have = Math.max(at.seq, joined.seq - 1);
  const havePos = have === head.seq ? head.pos : at.pos;
  return { have, havePos, until: left?.seq ?? null, joinedSeq: joined.seq };
}

/** Moves a reader who is too far behind to the heads of streams, the furthest behind first. @returns those streams */
function skipFarStreams(
  streams: ReadonlyMap<string, Progress>,
  readable: ReadableStreams,
  most: { perStream: number; total: number },
): string[] {
  const behind = readable.streams.map(({ stream, head }) => {
    const progress = streams.get(stream) as Progress;
    const last = Math.min(head.seq, progress.until ?? Number.POSITIVE_INFINITY);
    return { stream, progress, head, last, count: Math.max(0, last - progress.have) };
  });
  behind.sort((a, b) => b.count - a.count);
  let total = behind.reduce((sum, { count }) => sum + count, 0);
  const moved: string[] = [];
  for (const { stream, progress, head, last, count } of behind) {
    if (count <= most.perStream && total <= most.total) break;
    total -= count;
    progress.have = last;
    progress.havePos = head.pos;
    moved.push(stream);
  }
  return moved;
}
