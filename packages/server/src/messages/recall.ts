import { LIMITS, Push, type PushData, roomStream, userStream } from "@parley/protocol";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { maySeeMessage } from "../rooms/reading.ts";
import type { Actor, HallRules } from "../rooms/rooms.ts";
import { type MessageKinds, messageKinds } from "./kinds/kinds.ts";
import { recalled } from "./kinds/recalled.ts";
import { isAddressedTo, messageTexts } from "./message-rows.ts";

/**
 * Takes a message back: its text is gone from the row, and with this event from every tail. Quotations of it change with
 * it, and are in no tail; there is no event about them, since it would show a whole message to readers who may not see it. The
 * place in the room and the number stay; the digest of the request goes with the text. The event stands in the stream that has the
 * message. Returns the JSON text of the message as it is now.
 */
export async function recallMessage(
  tx: WriteTransaction,
  { actor, hall, messageId }: { actor: Actor; hall: HallRules; messageId: number },
  kinds: MessageKinds = messageKinds,
) {
  const message = await tx.db
    .selectFrom("messages")
    .innerJoin("rooms", "rooms.id", "messages.room_id")
    .select(["room_id as roomId", "uid", "seq", "sent_at as sentAt", "dissolved_at as dissolvedAt"])
    .select(["recalled_at as recalledAt", "sender_only as senderOnly"])
    .where("messages.id", "=", messageId)
    .executeTakeFirst();
  if (!message || !isAddressedTo(actor, message)) throw new ProblemError("not_found");
  // Administrators of the server can recall every message that others have seen, because they must be able to remove what people report.
  const visible = actor.power === 1 || (await maySeeMessage({ hall }, tx.db, { ...message, actor }));
  if (!visible) throw new ProblemError("not_found");
  checkMayRecall(message, actor, tx.now);
  sent(
    tx,
    tx.db
      .updateTable("messages")
      .set({ type: recalled.type, body: "{}", reply_to: null, recalled_by: actor.uid, recalled_at: tx.now })
      // Somebody who has the file could test guesses of the text against the digest.
      .set({ request_hash: null })
      .where("id", "=", messageId)
      .execute(),
  );
  const { roomId } = message;
  const data: PushData[9] = { msgId: messageId, roomId, recallUid: actor.uid };
  const stream = message.senderOnly === 0 ? roomStream(roomId) : userStream(message.uid);
  const event = { stream, type: Push.RECALL, data: () => JSON.stringify(data) };
  await append(tx, [{ ...event, message: { id: messageId, storesData: true } }]);
  const texts = await messageTexts(tx.db, { ids: [messageId], reader: actor.uid }, kinds);
  return { text: texts.get(messageId) as string };
}

interface RecallTarget {
  readonly uid: number;
  readonly recalledAt: number | null;
  readonly sentAt: number;
  readonly dissolvedAt: number | null;
}

/** Pure. */
function checkMayRecall(message: RecallTarget, actor: Actor, now: number): void {
  if (message.uid !== actor.uid && actor.power !== 1) {
    throw new ProblemError("forbidden", "Only your own messages can be recalled");
  }
  if (message.recalledAt !== null) throw new ProblemError("already_recalled");
  // Nobody reads the room's stream any more, so nobody would be told.
  if (message.dissolvedAt !== null) throw new ProblemError("room_dissolved");
  if (actor.power !== 1 && now - message.sentAt > LIMITS.recallWithinMs) throw new ProblemError("recall_too_late");
}
