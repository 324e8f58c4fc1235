import { type Message, MessageType } from "@parley/protocol";

/** A message as its row and the rows it refers to have it. */
export interface MessageRow {
  readonly id: number;
  readonly roomId: number;
  readonly seq: number;
  readonly no: number | null;
  readonly uid: number;
  readonly type: number;
  /** JSON text: `StoredText` for type 1. */
  readonly body: string;
  readonly clientId: string | null;
  readonly sentAt: number;
  readonly recalledBy: number | null;
  /** The message it quotes, as that is now. */
  readonly quoted: QuotedRow | null;
}

export interface QuotedRow {
  readonly id: number;
  readonly uid: number;
  /** Its sender's name, as it is now. */
  readonly name: string;
  readonly type: number;
  readonly body: string;
  readonly recalledBy: number | null;
}

/** What the row of a text holds. The quoted text is not part of it: a recall must reach quotations. */
export interface StoredText {
  readonly content: string;
  readonly mentions: readonly number[];
  /** How many messages of the room lie after the quoted one, this one counted. */
  readonly gap?: number;
}

/** A client can jump to a quoted message that is at most this far back. */
const CALLBACK_GAP = 100;

/** The JSON text of the message object: `data` of its frames and the body of HTTP replies. */
export function messageText(row: MessageRow): string {
  const message: Message = {
    fromUser: { uid: row.uid },
    message: {
      id: row.id,
      roomId: row.roomId,
      sendTime: row.sentAt,
      type: row.type,
      body: shownBody(row),
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: row.seq,
      no: row.no,
      clientId: row.clientId,
    },
  };
  return JSON.stringify(message);
}

function shownBody(row: MessageRow): Message["message"]["body"] {
  if (row.type === MessageType.recalled) return recallNotice(row);
  const { content, mentions, gap } = JSON.parse(row.body) as StoredText;
  return { content, urlContentMap: {}, atUidList: [...mentions], reply: row.quoted && reply(row.quoted, gap ?? 0) };
}

function reply(quoted: QuotedRow, gapCount: number) {
  const { id, uid, name, type } = quoted;
  const canCallback: 0 | 1 = gapCount <= CALLBACK_GAP ? 1 : 0;
  return { id, uid, username: name, type, body: quotedText(quoted), canCallback, gapCount };
}

function quotedText(quoted: QuotedRow): string {
  if (quoted.type === MessageType.recalled) return recallNotice(quoted);
  return (JSON.parse(quoted.body) as StoredText).content;
}

function recallNotice({ uid, recalledBy }: Pick<MessageRow, "uid" | "recalledBy">): string {
  return recalledBy === uid ? "The sender recalled this message" : "An administrator recalled this message";
}
