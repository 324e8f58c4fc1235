import { type Cursor, userStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { eventPosition, type Place, type StreamState, streamStates } from "./log-reader.ts";

/** What a reader may read of a stream: one window, from their joining to their leaving. */
export interface ReadWindow {
  readonly stream: string;
  /** The event with which the reader joined: the log begins here for them. `FROM_FIRST_EVENT` in streams that nobody joins. */
  readonly joined: Place;
  /** The last event that they may read: their leaving, or the end of the room. Null: there is none yet. */
  readonly left: Place | null;
  /** The leaving before `joined`, if they were in the room earlier too; `NOWHERE` if they joined for the first time. */
  readonly leftBefore: Place;
}

/** `joined` of a stream that its reader reads from the first event on. */
export const FROM_FIRST_EVENT: Place = { seq: 1, pos: 0 };

/** A window and its stream, as one read transaction found them. */
export type StreamWindow = ReadWindow & StreamState;

/** Everything that a reader may read, at one moment. */
export interface ReadableStreams {
  /** The log's end at that moment. */
  readonly end: number;
  readonly streams: readonly StreamWindow[];
  /** The reader's position in their own stream, if the cursor names that stream and has no floor. */
  readonly userPos: number | undefined;
}

/** A reader who starts. */
export interface ReaderAsk {
  /** Undefined: an anonymous reader. */
  readonly uid: number | undefined;
  readonly cursor: Cursor;
}

/** What a cursor says about a reader before their windows are known. */
export interface CursorPlace {
  /** See `ReadableStreams`. */
  readonly userPos: number | undefined;
  /** Windows that ended at or before this position are left out, unless the cursor names their stream. */
  readonly endedAfter: number;
}

/**
 * Looks up, in the transaction that reads the windows, what a cursor says. Takes no statement for a cursor with a floor.
 * @param log the epoch of this database, since a cursor of another one says nothing about its streams; and the log's end
 */
export async function cursorPlace(
  db: Kysely<Schema>,
  log: { epoch: string; end: number },
  { uid, cursor }: ReaderAsk,
): Promise<CursorPlace> {
  const isOwn = cursor.epoch === log.epoch;
  const userPos = isOwn && cursor.floor === undefined ? await userPosition(db, uid, cursor) : undefined;
  return { userPos, endedAfter: (isOwn ? (cursor.floor ?? userPos) : undefined) ?? log.end };
}

/** The position of a reader in their own stream, if the cursor names it. */
async function userPosition(db: Kysely<Schema>, uid: number | undefined, cursor: Cursor): Promise<number | undefined> {
  if (uid === undefined) return undefined;
  const stream = userStream(uid);
  const seq = cursor.streams.get(stream);
  if (seq === undefined) return undefined;
  if (seq === 0) return 0;
  const pos = await eventPosition(db, stream, seq);
  if (pos !== undefined) return pos;
  const state = (await streamStates(db, [stream])).get(stream);
  // Ahead of their stream: nothing in the log is new to them.
  if (!state || seq > state.head.seq) return Number.MAX_SAFE_INTEGER;
  // The event was removed. The position of the newest removed one is known; before it, the reader may know none of their rooms.
  return seq === state.firstSeq - 1 ? state.trimmedPos : 0;
}
