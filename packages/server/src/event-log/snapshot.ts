import { floorCursor } from "@parley/protocol";
import type { Transaction } from "kysely";
import type { ReadDatabase } from "../db/open.ts";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";
import { readPosition } from "./log-reader.ts";
import type { ShownMessage, TextChanges } from "./text-changes.ts";

interface View {
  readonly db: Transaction<Schema>;
  readonly asOf: string;
  /** The log's end. */
  readonly position: number;
}

/** Reads that changes may overtake before the caller is told to come back. */
const TRIES = 5;

/**
 * Reads state and the log's position in one read transaction, so that a reader with the state skips exactly the events that it contains.
 * State replies carry `asOf`, a cursor: the state contains every event up to it and none after.
 */
export function readSnapshot<T>(at: { db: ReadDatabase; epoch: string }, read: (view: View) => Promise<T>): Promise<T> {
  return at.db.transaction().execute(async (trx) => {
    const position = await readPosition(trx);
    return read({ db: trx, asOf: floorCursor(at.epoch, position), position });
  });
}

/**
 * The same for replies that show texts of messages. What is taken back or hidden while it is read is read again, so that no reply shows it
 * after the reply to that act.
 * @param read calls `shows` with each message that the reply will show
 * @throws ProblemError `overloaded` where one change after another comes
 */
export async function readTexts<T>(
  at: { db: ReadDatabase; epoch: string; textChanges: Pick<TextChanges, "changedSince"> },
  read: (view: View & { readonly shows: (message: ShownMessage) => void }) => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const shown: ShownMessage[] = [];
    const { reply, position } = await readSnapshot(at, async (view) => ({
      reply: await read({ ...view, shows: (message) => void shown.push(message) }),
      position: view.position,
    }));
    if (!shown.some((message) => at.textChanges.changedSince(message, position))) return reply;
  }
  throw new ProblemError("overloaded", undefined, { retryAfterMs: 1000 });
}
