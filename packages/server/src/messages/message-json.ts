import {
  HIDDEN_TEXT,
  MarkType,
  type Message,
  type MessageMark,
  MessageType,
  type RepliedMessage,
  type TypedBody,
} from "@parley/protocol";
import { type MessageKinds, messageKinds } from "./kinds/kinds.ts";

/** A message as its row and the rows it refers to have it. */
export interface MessageRow {
  readonly id: number;
  readonly roomId: number;
  readonly seq: number;
  readonly no: number | null;
  readonly uid: number;
  readonly type: number;
  /** JSON text: what its kind stored, and `StoredRest`. */
  readonly body: string;
  readonly clientId: string | null;
  readonly sentAt: number;
  readonly recalledBy: number | null;
  /** Their messages are hidden while they are banned. */
  readonly authorBanned: boolean;
  readonly likes: number;
  readonly dislikes: number;
  /** The mark of the person who is shown the message; null: none, or it is shown to many. */
  readonly mark: OwnMark;
  /** The message it quotes, as that is now. */
  readonly quoted: QuotedRow | null;
}

/** 1 like, 2 dislike. */
export type OwnMark = 1 | 2 | null;

export interface QuotedRow {
  readonly id: number;
  readonly uid: number;
  /** Its sender's name, as it is now. */
  readonly name: string;
  readonly type: number;
  readonly body: string;
  readonly recalledBy: number | null;
  readonly authorBanned: boolean;
}

/**
 * What the rows of all kinds hold beside what the kind stores; nothing once the message was recalled. The quoted text is not
 * part of it: a recall must reach quotations.
 */
export interface StoredRest {
  readonly mentions?: readonly number[];
  /** How many messages of the room lie after the quoted one, this one counted. */
  readonly gap?: number;
}

/** A client can jump to a quoted message that is at most this far back. */
const CALLBACK_GAP = 100;

/** The JSON text of the message object: `data` of its frames and the body of HTTP replies. */
export function messageText(row: MessageRow, kinds: MessageKinds = messageKinds): string {
  const message: Message = {
    fromUser: { uid: row.uid },
    message: {
      id: row.id,
      roomId: row.roomId,
      sendTime: row.sentAt,
      ...typedBody(row, kinds),
      messageMark: markOf(row),
      seq: row.seq,
      no: row.no,
      clientId: row.clientId,
    },
  };
  return JSON.stringify(message);
}

/** The marks of a message, as the person sees them whose own mark is given. Pure. */
export function markOf({ likes, dislikes, mark }: Pick<MessageRow, "likes" | "dislikes" | "mark">): MessageMark {
  return {
    likeCount: likes,
    userLike: mark === MarkType.like ? 1 : 0,
    dislikeCount: dislikes,
    userDislike: mark === MarkType.dislike ? 1 : 0,
  };
}

/** A ban hides what its person wrote, as long as it holds; of what was recalled nothing is there to be hidden. */
function isHidden({ authorBanned, type }: Pick<MessageRow, "authorBanned" | "type">): boolean {
  return authorBanned && type !== MessageType.recalled;
}

function typedBody(row: MessageRow, kinds: MessageKinds): TypedBody {
  if (isHidden(row)) return { type: MessageType.recalled, body: HIDDEN_TEXT };
  const { type, body, uid, recalledBy, quoted } = row;
  const stored = JSON.parse(body) as StoredRest;
  const { mentions = [], gap = 0 } = stored;
  const reply = quoted && replyOf(quoted, gap, kinds);
  const shown = kinds.show({ type, stored }, { uid, recalledBy, atUidList: [...mentions], reply });
  // The row's kind has made its own body.
  return { type, body: shown } as TypedBody;
}

function replyOf(quoted: QuotedRow, gapCount: number, kinds: MessageKinds): RepliedMessage {
  const { id, uid, name, recalledBy } = quoted;
  const hidden = isHidden(quoted);
  const type = hidden ? MessageType.recalled : quoted.type;
  const body = hidden ? HIDDEN_TEXT : kinds.quote({ type, stored: JSON.parse(quoted.body) as object, uid, recalledBy });
  return { id, uid, username: name, type, body, canCallback: gapCount <= CALLBACK_GAP ? 1 : 0, gapCount };
}
