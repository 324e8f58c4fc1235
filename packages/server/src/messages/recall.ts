import { LIMITS, MessageType, Push, type PushData, roomStream } from "@parley/protocol";
import { defineWrite, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { maySeeMessage } from "../rooms/reading.ts";
import type { Actor, HallRules } from "../rooms/rooms.ts";
import { messageTexts } from "./message-rows.ts";

/** The newest quotations that are told to forget a recalled text; older ones are in no tail, so they are built anew anyway. */
const QUOTATIONS_MAX = 1000;

/**
 * Takes a message back: its text is gone from the row, and with this event from every tail. Quotations of it change with
 * it, each by an event of its own, since their text is in tails too. The place in the room, the number and the digest of
 * the request stay. Returns the JSON text of the message as it is now.
 */
export const recallMessage = defineWrite(
  "messages.recall",
  async (tx, { actor, hall, messageId, now }: { actor: Actor; hall: HallRules; messageId: number; now: number }) => {
    const message = await tx.db
      .selectFrom("messages")
      .select(["room_id as roomId", "uid", "seq", "type", "sent_at as sentAt"])
      .where("id", "=", messageId)
      .executeTakeFirst();
    // Administrators of the server reach every message: what was reported to them has to be removable.
    const visible = message && (actor.power === 1 || (await maySeeMessage(tx.db, message, { actor, hall })));
    if (!visible) throw new ProblemError("not_found");
    checkMayRecall(message, actor, now);
    await tx.db
      .updateTable("messages")
      .set({ type: MessageType.recalled, body: "{}", reply_to: null, recalled_by: actor.uid, recalled_at: now })
      .where("id", "=", messageId)
      .execute();
    const { roomId } = message;
    await logRecall(tx, { data: { msgId: messageId, roomId, recallUid: actor.uid }, now });
    const texts = await messageTexts(tx.db, [messageId]);
    return { text: texts.get(messageId) as string };
  },
);

interface Recalled {
  readonly uid: number;
  readonly type: number;
  readonly sentAt: number;
}

/** Pure. */
function checkMayRecall(message: Recalled, actor: Actor, now: number): void {
  if (message.uid !== actor.uid && actor.power !== 1) {
    throw new ProblemError("forbidden", "Only your own messages can be recalled");
  }
  if (message.type === MessageType.recalled) throw new ProblemError("already_recalled");
  if (actor.power !== 1 && now - message.sentAt > LIMITS.recallWithinMs) throw new ProblemError("recall_too_late");
}

async function logRecall(tx: WriteTransaction, { data, now }: { data: PushData[9]; now: number }): Promise<void> {
  const stream = roomStream(data.roomId);
  const text = JSON.stringify(data);
  const recall: Draft = {
    stream,
    type: Push.RECALL,
    message: { id: data.msgId, keepData: true },
    data: () => text,
  };
  const quotations = await tx.db
    .selectFrom("messages")
    .select("id")
    .where("reply_to", "=", data.msgId)
    .orderBy("id", "desc")
    .limit(QUOTATIONS_MAX)
    .execute();
  const ids = quotations.map(({ id }) => id).reverse();
  const texts = await messageTexts(tx.db, ids);
  const updates = ids.map(
    (id): Draft => ({
      stream,
      type: Push.MESSAGE_UPDATE,
      message: { id, keepData: false },
      data: () => texts.get(id) as string,
    }),
  );
  await append(tx, now, [recall, ...updates]);
}
