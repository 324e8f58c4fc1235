import { type Cursor, LIMITS, type ResyncWhy, userStream } from "@parley/protocol";
import { nextTurn } from "../lib/interval.ts";
import { firstChanges } from "./first-changes.ts";
import { gapAfter, readableBetween } from "./gaps.ts";
import { type Kept, WHOLE } from "./log-reader.ts";
import type { OutboxParts } from "./outbox-parts.ts";
import { isComplete, type Reading, resync, skipGap, skipTrimmed } from "./reading.ts";
import type { ReadWindow, SubscriptionChange } from "./subscriptions.ts";
import type { Tail } from "./tail.ts";

/** Each look at a stream that is behind may read some hundred rows; then everybody else has a turn. */
const LOOKS_A_TURN = 50;

interface StreamHead {
  readonly seq: number;
  readonly pos: number;
}

type Heads = ReadonlyMap<string, StreamHead>;

/** Heads of streams, none older than a position. */
export interface HeadsAt {
  readonly at: number;
  readonly of: Heads;
}

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
  readonly heads: HeadsAt;
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
  if (!own || (cursor.floor ?? 0) > position) return anew(parts.epoch, standing, own ? "ahead" : "epoch");
  const streams = new Map<string, Reading>();
  const behind = windows.filter((window) => mayBeBehind(window, cursor, headOf(heads, window)));
  const kept = await parts.tail.kept(behind.map((window) => window.stream));
  const userPos = cursor.floor === undefined ? await userPosition(parts, uid, cursor) : undefined;
  const depth = (max ?? LIMITS.farPerStream) + 1;
  const cameBack = windows.some(
    ({ lastJoined }) => lastJoined && lastJoined.pos > (userPos ?? Number.POSITIVE_INFINITY),
  );
  const changes = cameBack && uid !== undefined ? await firstChanges(parts.tail, { uid, cursor, depth }) : undefined;
  const ahead: string[] = [];
  const trimmed = new Set<string>();
  let looks = 0;
  for (const window of windows) {
    const { stream } = window;
    const head = headOf(heads, window);
    if ((cursor.streams.get(stream) ?? 0) > head.seq && window.leftSeq === null) ahead.push(stream);
    const left = kept.get(stream) ?? WHOLE;
    if (kept.has(stream) && ++looks % LOOKS_A_TURN === 0) await nextTurn();
    const reading = await begin(parts, { window, cursor, head, left, userPos, depth, first: changes?.get(stream) });
    streams.set(stream, reading);
    skipGap(reading, head);
    if (skipTrimmed(reading, { seq: left.firstSeq - 1, pos: left.trimmedPos })) trimmed.add(stream);
  }
  // Who is told that events are gone is told so once, also where the rest is too much for him.
  const far = tooFar(streams, heads, max).filter((stream) => !trimmed.has(stream));
  if (ahead.length + trimmed.size + far.length > LIMITS.resyncStreams) {
    return anew(parts.epoch, standing, trimmed.size > 0 ? "trimmed" : far.length > 0 ? "far" : "ahead");
  }
  const resyncs = [
    ...ahead.map((stream) => resync({ stream, seq: heads.get(stream)?.seq ?? 0, why: "ahead" })),
    ...[...trimmed].map((stream) => resync({ stream, seq: seqOf(streams, stream), why: "trimmed" })),
    ...far.map((stream) => resync({ stream, seq: seqOf(streams, stream), why: "far" })),
  ];
  const complete = [...streams].every(([stream, reading]) => isComplete(reading, heads.get(stream)?.seq ?? 0));
  const completeAt = complete ? position : -1;
  return { streams, floor: cursor.floor ?? 0, resyncs, completeAt, heads: { at: position, of: heads } };
}

/** He goes on at the node's position in all his streams, and reads their state. */
function anew(epoch: string, { position, windows, heads }: Standing, why: ResyncWhy): Start {
  const streams = new Map<string, Reading>();
  for (const window of windows) {
    const head = headOf(heads, window);
    streams.set(window.stream, readingFrom(window, head, { have: head.seq, havePos: 0 }));
  }
  return {
    streams,
    floor: position,
    resyncs: [resync({ stream: "*", cursor: `${epoch};*@${position}`, why })],
    completeAt: position,
    heads: { at: position, of: heads },
  };
}

function seqOf(streams: ReadonlyMap<string, Reading>, stream: string): number {
  return streams.get(stream)?.have ?? 0;
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

function readingFrom(window: ReadWindow, head: StreamHead, at: { have: number; havePos: number }): Reading {
  const { leftSeq: until, gaps = [], lastJoined } = window;
  const havePos = at.have === head.seq ? head.pos : at.havePos;
  return { have: at.have, havePos, until, gaps, lastJoinedSeq: lastJoined?.seq ?? window.joinedSeq };
}

/** Whether the stream has something after the cursor, so that it matters what was removed from it. */
function mayBeBehind(window: ReadWindow, cursor: Cursor, head: StreamHead): boolean {
  const named = cursor.streams.get(window.stream);
  if (named !== undefined) return named < head.seq;
  return cursor.floor === undefined ? window.joinedSeq > 0 : head.pos > cursor.floor;
}

interface Beginning {
  readonly window: ReadWindow;
  readonly cursor: Cursor;
  readonly head: StreamHead;
  readonly left: Kept;
  readonly userPos: number | undefined;
  /** What his own stream says of this one after the cursor, first. */
  readonly first: SubscriptionChange | undefined;
  /** Events further back than this are not told apart. */
  readonly depth: number;
}

/** Where the cursor puts him in one stream, within his window. */
async function begin(parts: OutboxParts, at: Beginning): Promise<Reading> {
  const { window, cursor, head } = at;
  const named = cursor.streams.get(window.stream);
  const have = named ?? (await unnamed(parts, at));
  // The floor stands for streams that it placed; only those that the cursor named have to be named again.
  const havePos = named === undefined ? 0 : Number.POSITIVE_INFINITY;
  return readingFrom(window, head, { have: Math.max(Math.min(have, head.seq), window.fromSeq - 1), havePos });
}

/** Where a stream begins that the cursor does not name: by the floor; without one, at the join he has not seen, or at the head. */
async function unnamed({ tail }: OutboxParts, at: Beginning): Promise<number> {
  const { window, cursor, head, left, userPos, first, depth } = at;
  const { floor } = cursor;
  if (floor === undefined) {
    const lastJoined = window.lastJoined ?? { seq: window.joinedSeq, pos: window.joinedPos };
    if (userPos === undefined || lastJoined.pos <= userPos) return head.seq;
    if (window.joinedPos > userPos) return window.joinedSeq - 1;
    return (first?.kind === "join" ? first.seq : lastJoined.seq) - 1;
  }
  if (window.joinedPos > floor) return window.joinedSeq - 1;
  if (head.pos <= floor) return head.seq;
  if (window.leftSeq !== null && window.leftPos != null && window.leftPos <= floor) return window.leftSeq;
  const seq = await seqAtFloor(tail, { window, head, floor, depth });
  // Removed events are found nowhere; the position of the newest of them says whether he had them all.
  if (left.trimmedPos <= floor) return Math.max(seq, left.firstSeq - 1);
  const missed = Math.min(seq, left.firstSeq - 2, (window.leftSeq ?? Number.POSITIVE_INFINITY) - 1);
  // Where they end while he was out, he may have missed what came before, his leaving at least.
  const gap = gapAfter(window.gaps ?? [], missed);
  return gap ? gap[0] - 2 : missed;
}

/**
 * The newest event of the stream up to the floor, no more than `depth` events back that are for him. What was logged while he was
 * out is stepped over, however much it is.
 */
async function seqAtFloor(
  tail: Tail,
  at: { window: ReadWindow; head: StreamHead; floor: number; depth: number },
): Promise<number> {
  const { window, head, floor, depth } = at;
  const { stream, gaps = [] } = window;
  let upTo = head.seq;
  let rest = depth;
  for (const [from, to] of gaps.toReversed()) {
    if (from > upTo) continue;
    const behind = Math.max(0, upTo - to);
    if (rest <= behind) break;
    const cameBack = behind > 0 ? await posOf(tail, stream, to + 1) : Number.POSITIVE_INFINITY;
    if (cameBack !== undefined && cameBack <= floor) break;
    const left = await posOf(tail, stream, from - 1);
    // Where even his leaving is gone, what is gone says the rest.
    if (left === undefined || left <= floor) return from - 1;
    rest -= behind;
    upTo = from - 1;
  }
  return tail.seqAt(stream, floor, { above: Math.max(0, upTo - rest), upTo });
}

async function posOf(tail: Tail, stream: string, seq: number): Promise<number | undefined> {
  const [event] = await tail.read(stream, seq - 1, 1);
  return event?.seq === seq ? event.pos : undefined;
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
  const pos = await posOf(tail, stream, seq);
  if (pos !== undefined) return pos;
  // It was removed. Of the newest removed one the place is known; before that, he may not know any of his rooms.
  const left = (await tail.kept([stream])).get(stream) ?? WHOLE;
  return seq === left.firstSeq - 1 ? left.trimmedPos : 0;
}

/** Moves him to the head where he is too far behind, the furthest first. @returns those streams */
function tooFar(streams: ReadonlyMap<string, Reading>, heads: Heads, max: number | undefined): string[] {
  const behind = [...streams].map(([stream, reading]) => {
    const head = Math.min(heads.get(stream)?.seq ?? 0, reading.until ?? Number.POSITIVE_INFINITY);
    return { stream, reading, head, count: readableBetween(reading.gaps, reading.have, head) };
  });
  behind.sort((a, b) => b.count - a.count);
  let total = behind.reduce((sum, one) => sum + one.count, 0);
  const moved: string[] = [];
  for (const { stream, reading, head, count } of behind) {
    if (count <= (max ?? LIMITS.farPerStream) && total <= (max ?? LIMITS.farTotal)) break;
    total -= count;
    reading.have = head;
    reading.havePos = heads.get(stream)?.pos ?? 0;
    moved.push(stream);
  }
  return moved;
}
