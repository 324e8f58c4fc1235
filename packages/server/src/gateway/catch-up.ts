import { encodePush, Push, userOfStream } from "@parley/protocol";
import type { Outbox } from "../event-log/outbox.ts";
import { nextTurn } from "../lib/interval.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";

/** Waits for the socket before it holds more than this, or than a quarter of the queue. */
const QUEUED_MAX = 65_536;
/** At most, of a character as strings count them. */
const CHARACTER_BYTES = 3;
/** Where a transport names cursors on the wire, one stands behind each chunk: never more than this many events apart. */
const CHUNK_MAX = 20;

export interface CatchUp {
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly login: ConnectedLogin | undefined;
  /** Frames to send before, such as RESYNC. */
  readonly first: readonly string[];
  readonly maxQueueBytes: number;
}

/**
 * Sends a reader what he missed, at the pace of his socket, and makes the step to live: the rest of the tail and the
 * subscriptions in one turn of the loop, so that no event falls in between and none comes twice. What it sends at once fits
 * into half of the queue, but for a frame that is longer by itself: a backfill cuts nobody.
 * @returns when the connection is live or has ended
 */
export async function catchUp(work: CatchUp): Promise<void> {
  const { connection, outbox, first, maxQueueBytes } = work;
  const queuedMax = Math.min(QUEUED_MAX, maxQueueBytes / 4);
  const length = (maxQueueBytes / 2 - queuedMax) / CHARACTER_BYTES;
  for (const frame of first) connection.send(frame);
  while (!connection.closed) {
    if (connection.queuedBytes > queuedMax) await connection.drained();
    const rest = outbox.cutOver(CHUNK_MAX, length);
    if (rest) return goLive(work, rest);
    const frames = await outbox.next(CHUNK_MAX, length);
    connection.cork(() => sendEach(connection, frames, outbox));
    // Everybody else's turn: what was read from memory came without one. After the last chunk none, since what comes in
    // such a turn may have to be read again, and a busy room would keep its reader from the cut-over for ever.
    if (outbox.isAhead || frames.length >= CHUNK_MAX) await nextTurn();
  }
}

/** Synchronous on purpose: what is announced after this line comes by the hub. */
function goLive({ connection, outbox, login }: CatchUp, rest: readonly string[]): void {
  if (connection.closed) return;
  connection.cork(() => {
    sendEach(connection, rest, outbox);
    if (connection.closed) return;
    for (const stream of outbox.streams()) if (userOfStream(stream) === undefined) connection.subscribe(stream);
    connection.state = { kind: "live", login };
    if (!connection.origin.resume) return;
    const cursor = outbox.cursor();
    connection.sendAt(encodePush(Push.CURSOR, { cursor, live: true }), cursor);
  });
}

/** The outbox's cursor is that of the last frame, and of no other one. */
function sendEach(connection: Connection, frames: readonly string[], outbox: Outbox): void {
  for (const [index, frame] of frames.entries()) {
    if (connection.closed) return;
    if (index === frames.length - 1) connection.sendAt(frame, outbox.cursor());
    else connection.send(frame);
  }
}
