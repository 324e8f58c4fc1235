import { Push, roomStream } from "@parley/protocol";
import { boundRows, insertRows } from "../db/dialect.ts";
import { prepared } from "../db/prepared.ts";
import type { LoggedEvent, WriteTransaction } from "../db/transaction.ts";
import { append, type Place } from "../event-log/event-log.ts";
import { storeReadPlaces } from "../rooms/read-places.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import { type MessageRow, messageText } from "./message-json.ts";
import { memberKey } from "./send-lookups.ts";
import type { Accepted } from "./send-verdicts.ts";

/** Logs and stores; the rooms' counters and what the senders have read follow. */
export async function store(tx: WriteTransaction, accepted: readonly Accepted[], kinds: MessageKinds): Promise<void> {
  if (accepted.length === 0) return;
  const { now } = tx;
  const drafts = accepted.map((message) => ({
    stream: roomStream(message.input.roomId),
    type: Push.MESSAGE,
    message: { id: "own" as const, keepData: false },
    // A recall of what it quotes must reach this text too.
    cacheable: message.quoted === null,
    data: (place: Place) => messageText(rowOf(message, place, now), kinds),
  }));
  const events = await append(tx, drafts);
  for (const [index, message] of accepted.entries()) message.event = events[index] as LoggedEvent;
  const placed = accepted as readonly (Accepted & { event: LoggedEvent })[];

  await insertRows(tx.db, "messages", {
    columns: ["id", "room_id", "seq", "no", "uid", "type", "body", "reply_to", "client_id", "request_hash", "sent_at"],
    values: placed.map(({ input, event, no, stored, hash }) => [
      event.pos,
      input.roomId,
      event.seq,
      no,
      input.actor.uid,
      input.type,
      stored,
      input.replyTo,
      input.clientId,
      hash,
      now,
    ]),
  });
  const newest = new Map(placed.map(({ input, event, no }) => [input.roomId, [input.roomId, no, event.pos]]));
  await noteNewest(tx.db, [...newest.values()]);
  // Who writes in a room has read it up to there.
  const reads = new Map(
    placed.map(({ input, event, no }) => [
      memberKey(input.roomId, input.actor.uid),
      { uid: input.actor.uid, roomId: input.roomId, readSeq: event.seq, readNo: no },
    ]),
  );
  await storeReadPlaces(tx, [...reads.values()]);
}

const noteNewest = prepared((db, newest) =>
  db
    .updateTable("rooms")
    .from(boundRows<{ id: number; no: number; last: number }>(["id", "no", "last"], newest).as("sent"))
    .set((eb) => ({ no: eb.ref("sent.no"), last_message_id: eb.ref("sent.last") }))
    .whereRef("rooms.id", "=", "sent.id"),
);

function rowOf(message: Accepted, { pos, seq }: Place, now: number): MessageRow {
  const { input, no, stored, quoted } = message;
  const { roomId, type, clientId } = input;
  const uid = input.actor.uid;
  return { id: pos, roomId, seq, no, uid, type, body: stored, clientId, sentAt: now, recalledBy: null, quoted };
}
