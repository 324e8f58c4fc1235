import { type Kysely, type RawBuilder, sql } from "kysely";
import { prepared, preparedBy } from "../db/prepared.ts";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { EventData } from "../event-log/announce.ts";
import type { ShownMessage } from "../event-log/text-changes.ts";
import { type MessageKinds, messageKinds } from "./kinds/kinds.ts";
import { type MessageRow, messageText, type OwnMark, type QuotedRow } from "./message-json.ts";

/**
 * Selects messages with what they quote, and whether their authors are banned, each joined by its key; callers add which ones, in what order and how many.
 * @param reader uid of the person whose own marks are shown; without one the messages are for many
 */
export function selectMessages(db: Kysely<Schema>, reader?: RawBuilder<number>) {
  return db
    .selectFrom("messages")
    .leftJoin("messages as quoted", "quoted.id", "messages.reply_to")
    .leftJoin("users as author", "author.uid", "quoted.uid")
    .leftJoin("bans as ban", "ban.uid", "messages.uid")
    .leftJoin("bans as quotedBan", "quotedBan.uid", "quoted.uid")
    .select([
      "messages.id",
      "messages.room_id as roomId",
      "messages.seq",
      "messages.no",
      "messages.uid",
      "messages.type",
      "messages.body",
      "messages.sent_at as sentAt",
      "messages.recalled_by as recalledBy",
      "messages.sender_only as senderOnly",
      "messages.likes",
      "messages.dislikes",
      ownMark(reader, "marks").as("mark"),
      ownMark(reader, "hidden_marks").as("hiddenMark"),
      "ban.id as banId",
      "quoted.id as quotedId",
      "quoted.uid as quotedUid",
      "quoted.type as quotedType",
      "quoted.body as quotedBody",
      "quoted.recalled_by as quotedRecalledBy",
      "author.name as quotedName",
      "quotedBan.id as quotedBanId",
    ])
    .select(sql<string | null>`coalesce(messages.client_id, messages.key_client_id)`.as("clientId"));
}

function ownMark<T extends "marks" | "hidden_marks">(
  reader: RawBuilder<number> | undefined,
  table: T,
): RawBuilder<Schema[T]["type"] | null> {
  if (!reader) return sql`null`;
  return sql`(select own.type from ${sql.table(table)} as own where own.uid = ${reader} and own.message_id = messages.id)`;
}

export type SelectedMessage = Awaited<ReturnType<ReturnType<typeof selectMessages>["execute"]>>[number];

export function asMessage(row: SelectedMessage): MessageRow {
  const { quotedId, quotedUid, quotedType, quotedBody, quotedRecalledBy, quotedName, quotedBanId, ...rest } = row;
  const { banId, hiddenMark, ...shown } = rest;
  const marked = hiddenMark === null ? shown : { ...shown, ...marksWith(shown, hiddenMark === 0 ? null : hiddenMark) };
  const message = { ...marked, authorBanned: banId !== null };
  if (quotedId === null) return { ...message, quoted: null };
  const quoted = { id: quotedId, uid: quotedUid, type: quotedType, body: quotedBody, name: quotedName ?? "" };
  const authorBanned = quotedBanId !== null;
  return { ...message, quoted: { ...quoted, recalledBy: quotedRecalledBy, authorBanned } as QuotedRow };
}

/** The marks of a message for a person who sees another mark of their own than everybody else does. */
function marksWith({ likes, dislikes, mark }: Marked, seen: OwnMark): Marked {
  const more = (type: 1 | 2) => Number(seen === type) - Number(mark === type);
  return { likes: likes + more(1), dislikes: dislikes + more(2), mark: seen };
}

type Marked = Pick<MessageRow, "likes" | "dislikes" | "mark">;

/**
 * Pure: false for a message that only somebody else may see. Whether the room's history shows it to this person is a separate question
 * (`rooms/reading.ts`). A message that only its sender may see goes only into the sender's own stream and into replies to the sender, so
 * code that reads messages by an event's id need not ask.
 */
export function isAddressedTo(
  actor: { uid: number } | undefined,
  message: { senderOnly: 0 | 1; uid: number },
): boolean {
  return message.senderOnly === 0 || message.uid === actor?.uid;
}

/** Which messages, and for whom: each shows that person's own marks. `sender`: each goes to the person who wrote it. */
export interface MessagesAsked {
  readonly ids: readonly number[];
  readonly reader: number | "sender";
  /** Called with each of them. */
  readonly shows?: (message: ShownMessage) => void;
}

/** JSON texts of messages as they are now, by id; unknown ids are left out. One query. */
export async function messageTexts(
  db: Kysely<Schema>,
  { ids, reader, shows }: MessagesAsked,
  kinds: MessageKinds = messageKinds,
): Promise<Map<number, string>> {
  if (ids.length === 0) return new Map();
  const rows = reader === "sender" ? await messagesForSenders(db, ids) : await messagesFor(db, { ids, reader });
  const messages = rows.map(asMessage);
  if (shows) for (const message of messages) shows(message);
  return new Map(messages.map((message) => [message.id, messageText(message, kinds)]));
}

/** The form in events, which includes nobody's own marks. */
export async function messageDataOf(
  db: Kysely<Schema>,
  ids: readonly number[],
  kinds: MessageKinds = messageKinds,
): Promise<Map<number, EventData>> {
  if (ids.length === 0) return new Map();
  const rows = await messagesById(db, ids);
  return new Map(
    rows.map((row) => [
      row.id,
      {
        text: messageText(asMessage(row), kinds),
        author: row.uid,
        quotes: row.quotedId === null ? [] : [row.quotedId],
        quotedAuthors: row.quotedUid === null ? [] : [row.quotedUid],
      },
    ]),
  );
}

const messagesById = prepared((db, ids) => selectMessages(db).where("messages.id", "in", numberList(ids)));

const messagesFor = preparedBy(["ids", "reader"], (db, { ids, reader }) =>
  selectMessages(db, sql<number>`${reader}`).where("messages.id", "in", numberList(ids)),
);

const messagesForSenders = prepared((db, ids) =>
  selectMessages(db, sql.ref<number>("messages.uid")).where("messages.id", "in", numberList(ids)),
);
