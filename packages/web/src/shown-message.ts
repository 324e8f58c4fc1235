import type { Message } from "@parley/protocol";
import { MessageType } from "@parley/protocol/message-type";

type Sent = Message["message"];

/** The message that another one answers. */
export interface Quote {
  readonly id: number;
  readonly name: string;
  readonly text: string;
}

export interface Marks {
  readonly likes: number;
  readonly dislikes: number;
  readonly mine: "like" | "dislike" | undefined;
}

/** One message as this page shows it: sent by somebody, or on its way from here. */
export interface ShownMessage {
  /** Stays the same when a message of ours comes back from the server. */
  readonly key: string;
  readonly uid: number;
  /** Undefined until the server has it. */
  readonly id: number | undefined;
  readonly seq: number | undefined;
  readonly clientId: string | null;
  readonly sentAt: number;
  readonly kind: "text" | "notice" | "recalled" | "other";
  readonly text: string;
  readonly quote: Quote | null;
  /** People who are mentioned; 0: everybody. */
  readonly mentions: readonly number[];
  readonly marks: Marks;
  readonly delivery: "sent" | "sending" | "failed";
  /** Why it failed, for people. */
  readonly error?: string;
}

export const NO_MARKS: Marks = { likes: 0, dislikes: 0, mine: undefined };

const shown = new WeakMap<Message, ShownMessage>();

/** Pure. The same message gives the same object, so that a row is drawn again only where its message has changed. */
export function shownMessage(sent: Message): ShownMessage {
  const known = shown.get(sent);
  if (known) return known;
  const { fromUser, message } = sent;
  const { id, seq, clientId, sendTime } = message;
  const made: ShownMessage = {
    key: keyOf(fromUser.uid, clientId, id),
    uid: fromUser.uid,
    id,
    seq,
    clientId,
    sentAt: sendTime,
    marks: marksOf(message),
    delivery: "sent",
    ...bodyOf(message),
  };
  shown.set(sent, made);
  return made;
}

/** A client id is unique among its sender's messages. */
export function keyOf(uid: number, clientId: string | null, id: number): string {
  return clientId === null ? `#${id}` : `${uid}/${clientId}`;
}

/** One line of it, as lists and quotations show it. */
export function lineOf(message: Sent): string {
  return bodyOf(message).text;
}

function bodyOf({ type, body }: Sent): Pick<ShownMessage, "kind" | "text" | "quote" | "mentions"> {
  const other = "This page cannot show this kind of message";
  if (typeof body === "object") {
    const { reply, atUidList: mentions } = body;
    const quote = reply && { id: reply.id, name: reply.username, text: reply.body };
    if (type === MessageType.text && "content" in body) return { kind: "text", text: body.content, quote, mentions };
    // What this page shows of the product's own messages, of which it knows no kind.
    if (type === MessageType.custom && "text" in body) return { kind: "text", text: body.text, quote, mentions };
    return { kind: "other", text: other, quote: null, mentions: [] };
  }
  const kind = type === MessageType.recalled ? "recalled" : type === MessageType.system ? "notice" : "other";
  return { kind, text: kind === "other" ? other : body, quote: null, mentions: [] };
}

function marksOf({ messageMark: { likeCount, userLike, dislikeCount, userDislike } }: Sent): Marks {
  const mine = userLike === 1 ? "like" : userDislike === 1 ? "dislike" : undefined;
  return { likes: likeCount, dislikes: dislikeCount, mine };
}
