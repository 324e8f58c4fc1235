import { HALL_ROOM_ID, Push, userStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import { boundRows, insertRows } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { hallReadOf } from "../rooms/hall.ts";
import { storeReadPlaces } from "../rooms/read-places.ts";
import { checkSees } from "../rooms/rights.ts";
import { type Actor, findStanding } from "../rooms/rooms.ts";

export interface ReadPlace {
  readonly roomId: number;
  readonly readSeq: number;
  readonly unread: number;
}

/**
 * Moves a place forward, at most to the room's head; a smaller seq changes nothing. `tell`: log SELF now; without it the
 * caller does so later (`tellReads`).
 */
export async function markRead(
  tx: WriteTransaction,
  input: { actor: Actor; roomId: number; seq: number; tell: boolean },
) {
  const { actor, roomId } = input;
  const standing = await findStanding(tx.db, roomId, actor);
  checkSees(standing);
  if (standing.membership.leftSeq !== null) throw new ProblemError("forbidden", "You are no longer in this room");
  const { room } = standing;
  const before = await placeOf(tx.db, roomId, actor.uid);
  const target = Math.min(input.seq, room.seq);
  if (target <= before.readSeq) {
    return { place: { roomId, readSeq: before.readSeq, unread: room.no - before.readNo }, moved: false };
  }
  const readNo = Math.max(before.readNo, await numberAt(tx.db, roomId, target));
  await storeReadPlaces(tx, [{ uid: actor.uid, roomId, readSeq: target, readNo }]);
  const place: ReadPlace = { roomId, readSeq: target, unread: room.no - readNo };
  if (input.tell) await logSelf(tx, [{ uid: actor.uid, place }]);
  return { place, moved: true };
}

/** Logs SELF with places as they are now, of many people and rooms at once. */
export async function tellReads(
  tx: WriteTransaction,
  { reads }: { reads: readonly { uid: number; roomId: number }[] },
) {
  const asked = reads.map(({ uid, roomId }) => [uid, roomId]);
  const rows = await tx.db
    .selectFrom(boundRows<{ uid: number; room_id: number }>(["uid", "room_id"], asked).as("asked"))
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
}

/** Keeps the place in the hall that was worked out for someone who had none. */
export async function startHall(
  tx: WriteTransaction,
  { uid, readSeq, readNo }: { uid: number; readSeq: number; readNo: number },
) {
  await insertRows(tx.db, "room_reads", {
    columns: ["uid", "room_id", "read_seq", "read_no", "read_at"],
    values: [[uid, HALL_ROOM_ID, readSeq, readNo, tx.now]],
    conflict: "on conflict (uid, room_id) do nothing",
  });
}

async function placeOf(db: Kysely<Schema>, roomId: number, uid: number): Promise<{ readSeq: number; readNo: number }> {
  if (roomId === HALL_ROOM_ID) return hallReadOf(db, uid);
  const row = await db
    .selectFrom("room_reads")
    .select(["read_seq as readSeq", "read_no as readNo"])
    .where("uid", "=", uid)
    .where("room_id", "=", roomId)
    .executeTakeFirst();
  return row ?? { readSeq: 0, readNo: 0 };
}

/** How many messages that make a dot stand at or before a seq. */
async function numberAt(db: Kysely<Schema>, roomId: number, seq: number): Promise<number> {
  const row = await db
    .selectFrom("messages")
    .select("no")
    .where("room_id", "=", roomId)
    .where("seq", "<=", seq)
    .where("no", "is not", null)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.no ?? 0;
}

async function logSelf(tx: WriteTransaction, told: readonly { uid: number; place: ReadPlace }[]): Promise<void> {
  const drafts = told.map(({ uid, place }) => ({
    stream: userStream(uid),
    type: Push.SELF,
    data: () => JSON.stringify(place),
  }));
  await append(tx, drafts);
}
