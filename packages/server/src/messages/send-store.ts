import { Push, roomStream, SYSTEM_UID, userStream } from "@parley/protocol";
import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows } from "../db/rows.ts";
import { type LoggedEvent, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import type { Place } from "../event-log/log-reader.ts";
import { memberKey } from "../rooms/member-lookups.ts";
import { storeReadPlaces } from "../rooms/read-places.ts";
import type { MessageKinds } from "./kinds/kinds.ts";
import { type MessageRow, messageText } from "./message-json.ts";
import type { SendInput } from "./send-lookups.ts";
import type { Accepted } from "./send-verdicts.ts";

/** An accepted message once it is logged. */
type Placed = Accepted & { readonly event: LoggedEvent };

/** Logs and stores the messages, then updates the rooms' counters and the senders' read places. */
export async function store(tx: WriteTransaction, accepted: readonly Accepted[], kinds: MessageKinds): Promise<void> {
  if (accepted.length === 0) return;
  const { now } = tx;
  const roomSeqs = seqsInRooms(tx, accepted);
  const drafts = accepted.map((message, index) => ({
    stream: isForRoom(message) ? roomStream(message.input.roomId) : userStream(message.input.actor.uid),
    type: Push.MESSAGE,
    message: { id: "own" as const, storesData: false },
    author: message.input.actor.uid,
    // A recall of the quoted message must reach this text too.
    cacheable: message.quoted === null,
    data: ({ pos, seq }: Place) => messageText(rowOf(message, { pos, seq: roomSeqs.get(index) ?? seq, now }), kinds),
  }));
  const events = await append(tx, drafts);
  for (const [index, message] of accepted.entries()) message.event = events[index] as LoggedEvent;
  const placed = accepted as readonly Placed[];
  const seqOf = (index: number) => roomSeqs.get(index) ?? (placed[index] as Placed).event.seq;

  const rows = insertRows(tx.db, "messages", {
    columns: [
      "id",
      "room_id",
      "seq",
      "no",
      "uid",
      "type",
      "body",
      "reply_to",
      "client_id",
      "key_id",
      "key_client_id",
      "request_hash",
      "sent_at",
      "sender_only",
    ],
    values: placed.map((message, index) => [
      message.event.pos,
      message.input.roomId,
      seqOf(index),
      message.no,
      message.input.actor.uid,
      message.input.type,
      message.stored,
      message.input.replyTo,
      ...clientIds(message.input),
      message.hash,
      now,
      isForRoom(message) ? 0 : 1,
    ]),
  });
  sent(tx, rows);
  const shown = placed.filter(isForRoom);
  const newest = new Map(shown.map(({ input, event, no }) => [input.roomId, [input.roomId, no, event.pos]]));
  if (newest.size > 0) sent(tx, noteNewest(tx.db, [...newest.values()]));
  // People who write in a room have read it up to their message.
  const reads = new Map(
    placed.map(({ input, readNo }, index) => [
      memberKey(input.roomId, input.actor.uid),
      { uid: input.actor.uid, roomId: input.roomId, readSeq: seqOf(index), readNo },
    ]),
  );
  const people = [...reads.values()].filter(({ uid }) => uid !== SYSTEM_UID);
  sent(tx, storeReadPlaces(tx, people));
}

/** The client id's columns: the sender's own, or the key and its client id. */
function clientIds({ keyId, clientId }: SendInput): [string | null, number | null, string | null] {
  return keyId === undefined ? [clientId, null, null] : [null, keyId, clientId];
}

function isForRoom({ input }: Accepted): boolean {
  return input.visibleTo === "room";
}

/**
 * The seqs of messages that only their senders may see, by their index: each has the seq of the room's newest event, including those of
 * this batch. The heads are known.
 */
function seqsInRooms(tx: WriteTransaction, accepted: readonly Accepted[]): Map<number, number> {
  const seqs = new Map<number, number>();
  const more = new Map<number, number>();
  for (const [index, message] of accepted.entries()) {
    const { roomId } = message.input;
    const head = (tx.heads.get(roomStream(roomId))?.seq ?? 0) + (more.get(roomId) ?? 0);
    if (isForRoom(message)) more.set(roomId, (more.get(roomId) ?? 0) + 1);
    else seqs.set(index, head);
  }
  return seqs;
}

const noteNewest = prepared((db, newest) =>
  db
    .updateTable("rooms")
    .from(boundRows({ id: "number", no: "number", last: "number" }, newest).as("sent"))
    .set((eb) => ({ no: eb.ref("sent.no"), last_message_id: eb.ref("sent.last") }))
    .whereRef("rooms.id", "=", "sent.id"),
);

function rowOf(message: Accepted, { pos, seq, now }: Place & { now: number }): MessageRow {
  const { input, no, stored, quoted } = message;
  const { roomId, type, clientId } = input;
  const uid = input.actor.uid;
  const unmarked = { likes: 0, dislikes: 0, mark: null };
  return {
    id: pos,
    roomId,
    seq,
    no,
    uid,
    type,
    body: stored,
    clientId,
    sentAt: now,
    recalledBy: null,
    authorBanned: false,
    ...unmarked,
    quoted,
  };
}
