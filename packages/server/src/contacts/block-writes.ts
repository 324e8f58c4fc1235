import { insertRows } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import { namesOf } from "../rooms/joining.ts";
import { directKeyOf } from "../rooms/rooms.ts";
import { blocksAmong } from "../ties/ties.ts";
import { countersNow } from "./befriend.ts";
import { selfEvent } from "./contact-events.ts";

/** A person, and whom they block. */
interface OnBlock {
  readonly uid: number;
  readonly blockedUid: number;
}

/**
 * Blocks somebody. A waiting request of theirs is hidden from now on; they still see it wait. Only the devices of the person who blocks are
 * told. If nothing changes, nobody is told.
 */
export async function block(
  tx: WriteTransaction,
  { uid, blockedUid, lastSeenAt }: OnBlock & { lastSeenAt: number | null },
): Promise<void> {
  if (uid === blockedUid) throw new ProblemError("own_account");
  await namesOf(tx, [blockedUid]);
  if ((await blocksAmong(tx.db, [[uid, blockedUid]])).has(uid, blockedUid)) return;
  const { count } = await tx.db
    .selectFrom("blocks")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .where("uid", "=", uid)
    .executeTakeFirstOrThrow();
  if (count >= CAPS.blocks.count) throw new ProblemError("too_many_blocks");
  sent(
    tx,
    insertRows(tx.db, "blocks", {
      columns: ["uid", "blocked_uid", "since", "last_seen_at", "read_seq"],
      values: [[uid, blockedUid, tx.now, lastSeenAt, await readSeqOf(tx, uid, blockedUid)]],
    }),
  );
  const hidden = await tx.db
    .updateTable("friend_requests")
    .set({ hidden: 1 })
    .where("from_uid", "=", blockedUid)
    .where("to_uid", "=", uid)
    .where("state", "=", "open")
    .returning("read")
    .executeTakeFirst();
  const changed = hidden?.read === 0 ? await countersNow(tx, uid) : {};
  await append(tx, [selfEvent(uid, { block: { uid: blockedUid, blocked: true }, ...changed })]);
}

/** Ends a block. What the other person did meanwhile stays hidden. */
export async function unblock(tx: WriteTransaction, { uid, blockedUid }: OnBlock): Promise<void> {
  const gone = await tx.db
    .deleteFrom("blocks")
    .where("uid", "=", uid)
    .where("blocked_uid", "=", blockedUid)
    .returning("uid")
    .execute();
  if (gone.length === 0) return;
  await append(tx, [selfEvent(uid, { block: { uid: blockedUid, blocked: false } })]);
}

/** How far somebody has read the direct room of both; 0 0 if there is none. */
async function readSeqOf(tx: WriteTransaction, uid: number, other: number): Promise<number> {
  const row = await tx.db
    .selectFrom("rooms")
    .innerJoin("room_reads", "room_reads.room_id", "rooms.id")
    .select("room_reads.read_seq as readSeq")
    .where("rooms.direct_key", "=", directKeyOf(uid, other))
    .where("room_reads.uid", "=", uid)
    .executeTakeFirst();
  return row?.readSeq ?? 0;
}
