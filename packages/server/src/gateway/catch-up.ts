import { encodePush, Push, userOfStream } from "@parley/protocol";
import type { Outbox } from "../event-log/outbox.ts";
import { nextTurn } from "../lib/interval.ts";
import type { ConnectedLogin, Connection } from "./connection.ts";

/** Waits for the socket when more than this is queued, or more than a quarter of the queue. */
const QUEUED_MAX = 65_536;
/** The most bytes that a character takes, as strings count characters. */
const CHARACTER_BYTES = 3;
/** Transports that name cursors on the wire name one after each chunk: two cursors are never further apart than this many events. */
const CHUNK_MAX = 20;

export interface CatchUp {
  readonly connection: Connection;
  readonly outbox: Outbox;
  readonly login: ConnectedLogin | undefined;
  /** Frames to send before, such as RESYNC. */
  readonly first: readonly string[];
  readonly maxQueueBytes: number;
  readonly presence: PresentState;
}

/** Says who is online now. */
export interface PresentState {
  /** @param length the most characters; with an undefined uid for an anonymous reader */
  snapshotFor(uid: number | undefined, length: number): readonly string[];
}

/**
 * Sends a reader what they missed, at the pace of their socket, and then goes live: the rest of the tail and the subscriptions in one turn
 * of the loop, so that no event is lost and none comes twice. What it sends at once fits into half of the queue, unless a single frame is
 * longer, so a backfill never gets its reader cut.
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
    // Others get their turn, because reading from memory gave them none. After the last chunk there is no such turn: events that arrive in
    // it would have to be read too, and a busy room would keep its reader from the cut-over for ever.
    if (outbox.isAhead || frames.length >= CHUNK_MAX) await nextTurn();
  }
}

/** Synchronous on purpose: the hub delivers what is announced after this. */
function goLive(work: CatchUp, rest: readonly string[]): void {
  const { connection, outbox, login } = work;
  if (connection.closed) return;
  connection.cork(() => {
    sendEach(connection, rest, outbox);
    if (connection.closed) return;
    for (const stream of outbox.streams()) if (userOfStream(stream) === undefined) connection.subscribe(stream);
    connection.state = { kind: "live", login };
    if (connection.origin.resume) {
      const cursor = outbox.cursor();
      connection.sendAt(encodePush(Push.CURSOR, { cursor, live: true }), cursor);
    }
    sendPresentState(connection, work);
  });
}

/**
 * In the turn of the subscriptions, so that what changes afterwards comes as a change. It fits into the part of the queue that a backfill
 * leaves free.
 */
export function sendPresentState(
  connection: Connection,
  { presence, maxQueueBytes }: Pick<CatchUp, "presence" | "maxQueueBytes">,
): void {
  for (const frame of presence.snapshotFor(connection.login?.uid, maxQueueBytes / 4)) {
    if (connection.closed) return;
    connection.send(frame);
  }
}

/** The outbox's cursor belongs to the last frame only. */
function sendEach(connection: Connection, frames: readonly string[], outbox: Outbox): void {
  for (const [index, frame] of frames.entries()) {
    if (connection.closed) return;
    if (index === frames.length - 1) connection.sendAt(frame, outbox.cursor());
    else connection.send(frame);
  }
}
