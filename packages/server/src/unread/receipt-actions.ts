import { HALL_ROOM_ID } from "@parley/protocol";
import { ProblemError } from "../lib/problem.ts";
import { isAddressedTo } from "../messages/message-rows.ts";
import { isReadable, readableRoom } from "../rooms/reading.ts";
import type { Actor } from "../rooms/rooms.ts";
import { type ReceiptState, type Receipts, receiptPage } from "./receipts.ts";
import type { UnreadContext } from "./unread-context.ts";

/**
 * The people who have read one of the actor's own messages, or who have not, among those who are in the room now and were in it when it was sent.
 * `after`: the last uid of the page before.
 * @throws ProblemError `not_found`; `forbidden` for messages of others, in the hall, and after leaving
 */
export async function listReceipts(
  { db, hall }: Pick<UnreadContext, "db" | "hall">,
  actor: Actor,
  { messageId, ...page }: { messageId: number; state: ReceiptState; after: number | undefined; limit: number },
): Promise<Receipts> {
  const message = await db
    .selectFrom("messages")
    .select(["room_id as roomId", "seq", "uid", "sender_only as senderOnly"])
    .where("id", "=", messageId)
    .executeTakeFirst();
  if (!message || !isAddressedTo(actor, message)) throw new ProblemError("not_found");
  const { window, role } = await readableRoom({ hall }, db, { roomId: message.roomId, actor });
  if (!window || !isReadable(window, message.seq)) throw new ProblemError("not_found");
  if (message.uid !== actor.uid)
    throw new ProblemError("forbidden", "Only the sender of a message may see who has read it");
  if (message.roomId === HALL_ROOM_ID) throw new ProblemError("forbidden", "There are no receipts in the hall");
  if (role === null) throw new ProblemError("forbidden", "You are no longer in this room");
  return receiptPage(db, message, page);
}
