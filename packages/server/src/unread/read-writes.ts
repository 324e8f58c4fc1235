import { Push, userStream } from "@parley/protocol";
import { boundRows } from "../db/rows.ts";
import { type Outcome, outcomeOf, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { type NewReadPlace, storeReadPlaces } from "../rooms/read-places.ts";
import { lookUp, type MarkLookups, type MarkRead, placeKey, seqKey } from "./read-lookups.ts";

export interface ReadPlace {
  readonly roomId: number;
  readonly readSeq: number;
  readonly unread: number;
}

/** What a mark came to. */
export interface Marked {
  readonly place: ReadPlace;
  /** False: they had already read that far. */
  readonly moved: boolean;
}

/**
 * Moves places forward, at most to the room's head; a smaller seq changes nothing. If `tell` says so, SELF is logged now; otherwise the
 * caller does it later (`tellReads`). Refused: `not_found`, `forbidden` after leaving.
 */
export async function markRead(tx: WriteTransaction, inputs: readonly MarkRead[]): Promise<Outcome<Marked>[]> {
  const known = await lookUp(tx.db, inputs);
  const moved = new Map<string, NewReadPlace>();
  const outcomes = inputs.map((input) => outcomeOf(() => marked(known, moved, input)));
  await storeReadPlaces(tx, [...moved.values()]);
  const told = inputs.flatMap(({ actor, tell }, index) => {
    const outcome = outcomes[index];
    return tell && outcome?.ok && outcome.value.moved ? [{ uid: actor.uid, place: outcome.value.place }] : [];
  });
  await logSelf(tx, told);
  return outcomes;
}

/** Pure except for `moved`, which holds the places after the inputs so far. @throws ProblemError */
function marked(
  known: MarkLookups,
  moved: Map<string, NewReadPlace>,
  { actor: { uid }, roomId, seq }: MarkRead,
): Marked {
  const key = placeKey(roomId, uid);
  const found = known.progress.get(key);
  if (!found) throw new ProblemError("not_found");
  if (found.leftSeq !== null) throw new ProblemError("forbidden", "You are no longer in this room");
  const before = moved.get(key) ?? found.read;
  const target = Math.min(seq, found.seq);
  if (target <= before.readSeq) {
    return { place: { roomId, readSeq: before.readSeq, unread: found.no - before.readNo }, moved: false };
  }
  const readNo = Math.max(before.readNo, known.numbers.get(seqKey(roomId, target)) ?? 0);
  moved.set(key, { uid, roomId, readSeq: target, readNo });
  return { place: { roomId, readSeq: target, unread: found.no - readNo }, moved: true };
}

/** Logs SELF with places as they are now, of many people and rooms at once. */
export async function tellReads(
  tx: WriteTransaction,
  inputs: readonly { readonly reads: readonly { uid: number; roomId: number }[] }[],
): Promise<Outcome<void>[]> {
  const asked = inputs.flatMap(({ reads }) => reads).map(({ uid, roomId }) => [uid, roomId]);
  const rows = await tx.db
    .selectFrom(boundRows({ uid: "number", room_id: "number" }, asked).as("asked"))
    .innerJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "asked.uid").onRef("room_reads.room_id", "=", "asked.room_id"),
    )
    .innerJoin("rooms", "rooms.id", "room_reads.room_id")
    .select(["room_reads.uid", "rooms.id as roomId", "rooms.no", "read_seq as readSeq", "read_no as readNo"])
    .execute();
  const told = rows.map(({ uid, roomId, readSeq, no, readNo }) => ({
    uid,
    place: { roomId, readSeq, unread: no - readNo },
  }));
  await logSelf(tx, told);
  return inputs.map(() => ({ ok: true, value: undefined }));
}

async function logSelf(tx: WriteTransaction, told: readonly { uid: number; place: ReadPlace }[]): Promise<void> {
  const drafts = told.map(({ uid, place }) => ({
    stream: userStream(uid),
    type: Push.SELF,
    data: () => JSON.stringify(place),
  }));
  await append(tx, drafts);
}
