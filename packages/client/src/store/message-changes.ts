import { ActType, type MarkChange, MarkType, Push } from "@parley/protocol/events";
import type { Message } from "@parley/protocol/message-type";
import { HIDDEN_TEXT, MessageType } from "@parley/protocol/message-type";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Names } from "./names.ts";

/*
 * What events make of single messages, wherever these are shown. Pure: each function returns the same object where nothing has
 * changed, and applying the same event twice changes nothing.
 */

/** A message after an event that may be about it. @param me the user, whose marks are shown as their own */
export function messageAfter(shown: Message, push: PushFrame, me: number): Message {
  switch (push.type) {
    case Push.MARK:
      return push.data.markList
        .filter(({ msgId }) => msgId === shown.message.id)
        .reduce((so, mark) => marked(so, mark, mark.uid === me), shown);
    case Push.RECALL:
      return recalled(shown, push.data);
    case Push.MESSAGE_UPDATE:
      return push.data.message.id === shown.message.id ? updated(shown, push.data) : shown;
    case Push.BLACK:
      return hidden(shown, push.data.uid);
    default:
      return shown;
  }
}

/** Something that this person wrote is hidden here: the message itself, or the one that it quotes. */
export function hides(shown: Message, uid: number): boolean {
  const reply = replyOf(shown);
  const theirs = reply?.uid === uid ? reply : shown.fromUser.uid === uid ? shown.message : undefined;
  // Nobody can send a message of that type.
  return theirs?.type === MessageType.recalled && theirs.body === HIDDEN_TEXT;
}

/** The people whom a message shows: its author, and the person that it quotes. */
export function peopleIn(shown: Message | null): number[] {
  const quoted = shown ? replyOf(shown)?.uid : undefined;
  return [...(shown ? [shown.fromUser.uid] : []), ...(quoted === undefined ? [] : [quoted])];
}

/** A message with the current name of the person that it quotes. */
export function withNames(shown: Message, names: Names): Message {
  const reply = replyOf(shown);
  const name = reply ? names.get(reply.uid)?.name : undefined;
  return name === undefined || reply?.username === name ? shown : withReply(shown, { username: name });
}

type Reply = NonNullable<Exclude<Message["message"]["body"], string>["reply"]>;

function replyOf({ message: { body } }: Message): Reply | null {
  return typeof body === "string" ? null : body.reply;
}

function withReply(shown: Message, change: Partial<Reply>): Message {
  const { message } = shown;
  const { body } = message;
  if (typeof body === "string" || !body.reply) return shown;
  const changed = { ...body, reply: { ...body.reply, ...change } };
  return { ...shown, message: { ...message, body: changed } as typeof message };
}

/** The counts are those in MARK; the user's own marks change only when MARK is about the user. */
function marked(shown: Message, { markType, markCount, actType }: MarkChange, isMine: boolean): Message {
  const own = actType === ActType.confirm ? (1 as const) : (0 as const);
  const before = shown.message.messageMark;
  const messageMark =
    markType === MarkType.like
      ? { ...before, likeCount: markCount, ...(isMine && { userLike: own }) }
      : { ...before, dislikeCount: markCount, ...(isMine && { userDislike: own }) };
  return { ...shown, message: { ...shown.message, messageMark } };
}

/** The message without its text if it was recalled, or without the quoted text if the message that it quotes was. */
function recalled(shown: Message, { msgId, recallUid }: { msgId: number; recallUid: number }): Message {
  const type = MessageType.recalled;
  const notice = (uid: number) =>
    recallUid === uid ? "The sender recalled this message" : "An administrator recalled this message";
  if (shown.message.id === msgId) {
    return { ...shown, message: { ...shown.message, type, body: notice(shown.fromUser.uid) } };
  }
  const reply = replyOf(shown);
  return reply?.id === msgId ? withReply(shown, { type, body: notice(reply.uid) }) : shown;
}

/** The message without what this person wrote, for as long as they are banned. A recalled message goes on showing that it was recalled. */
function hidden(shown: Message, uid: number): Message {
  const notice = { type: MessageType.recalled, body: HIDDEN_TEXT } as const;
  const { type } = shown.message;
  if (shown.fromUser.uid === uid) {
    return type === MessageType.recalled ? shown : { ...shown, message: { ...shown.message, ...notice } };
  }
  const reply = replyOf(shown);
  return reply?.uid === uid && reply.type !== MessageType.recalled ? withReply(shown, notice) : shown;
}

/** Pushes do not say which marks are the user's own. */
function updated(shown: Message, now: Message): Message {
  const { userLike, userDislike } = shown.message.messageMark;
  const messageMark = { ...now.message.messageMark, userLike, userDislike };
  return { ...now, message: { ...now.message, messageMark } };
}
