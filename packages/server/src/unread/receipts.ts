import { type Kysely, sql } from "kysely";
import type { Schema } from "../db/schema.ts";
import { cut } from "../rooms/page.ts";

export type ReceiptState = "read" | "unread";

export interface Receipts {
  /** By uid, with how far each has read the room. */
  readonly items: { readonly uid: number; readonly seq: number }[];
  readonly nextCursor: string | null;
}

interface SentMessage {
  readonly roomId: number;
  readonly seq: number;
  readonly uid: number;
  readonly senderOnly: 0 | 1;
}

/**
 * One query. A message that only its sender may see has the seq of the event before it: to its sender it looks read by those who have read
 * beyond that, as any other message would.
 */
export async function receiptPage(
  db: Kysely<Schema>,
  message: SentMessage,
  { state, after = 0, limit }: { state: ReceiptState; after: number | undefined; limit: number },
): Promise<Receipts> {
  const place = message.seq + message.senderOnly;
  // A person who has blocked the sender is shown as they were then, in the direct room of both.
  const readSeq = sql<number>`coalesce((select blocks.read_seq from blocks inner join rooms on rooms.id = members.room_id
    where blocks.uid = members.uid and blocks.blocked_uid = ${message.uid} and rooms.direct_key is not null), room_reads.read_seq, 0)`;
  const rows = await db
    .selectFrom("members")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "members.uid").onRef("room_reads.room_id", "=", "members.room_id"),
    )
    .select(["members.uid", readSeq.as("seq")])
    .where("members.room_id", "=", message.roomId)
    .where("members.uid", ">", after)
    .where("members.uid", "!=", message.uid)
    .where("members.left_seq", "is", null)
    .where("members.joined_seq", "<=", message.seq)
    .where(readSeq, state === "read" ? ">=" : "<", place)
    .orderBy("members.uid")
    .limit(limit + 1)
    .execute();
  return cut(rows, limit, (last) => last.uid);
}
