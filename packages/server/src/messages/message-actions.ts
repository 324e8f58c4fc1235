/**
 * Messages: what people write in rooms. This file has the actions: sending, recalling, history.
 *
 * - A message's row holds what its sender wrote; what is shown is built from it at each read (`message-json.ts`), so a
 *   recall or a new name reaches every later reader. The log and the tails hold its id, never a second copy of the text.
 * - Sends are written together by set queries (`send.ts`); one that is refused fails no other.
 * - The HTTP reply, the push and the history show the same JSON text, encoded once.
 *
 * Asks rooms who may write and read. Must not import unread or the gateway, and must not know which connections there are.
 */
import { EVERYBODY } from "@parley/protocol";
import { sql } from "kysely";
import { readTexts } from "../event-log/snapshot.ts";
import { ProblemError } from "../lib/problem.ts";
import { SIZES } from "../limits/sizes.ts";
import { maySeeMessage, readableWindow } from "../rooms/reading.ts";
import { checkHallSend } from "../rooms/rights.ts";
import { type Actor, actorOf } from "../rooms/rooms.ts";
import { beforeSend } from "./before-send.ts";
import { type HistoryQuery, historyPage, invalid } from "./history.ts";
import type { SendRequest } from "./kinds/kinds.ts";
import { messageText } from "./message-json.ts";
import { asMessage, isAddressedTo, selectMessages } from "./message-rows.ts";
import type { MessagesContext } from "./messages-context.ts";
import * as procedures from "./recall.ts";
import { type Sent, sendMessages } from "./send.ts";
import type { Visibility } from "./send-lookups.ts";

/**
 * Stores and logs one message; every transport sends through here. Resolves after the commit.
 * @param message.visibleTo `sender`: nobody else ever learns of it. It is not part of the request, so it does not affect what counts as a repeat.
 * @throws ProblemError as the room's rules refuse, or the product does (`before-send.ts`), `kind_not_allowed`, `client_id_reused`,
 * `rate_limited`, `overloaded`
 */
export async function sendMessage(
  context: MessagesContext,
  actor: Actor,
  { roomId, request, visibleTo = "room" }: { roomId: number; request: SendRequest; visibleTo?: Visibility },
): Promise<Sent> {
  const { writes, hall, friendsOnly, kinds, kindRules, rates } = context;
  checkHallSend(roomId, hall, actor);
  kinds.checkMaySend(request, kindRules);
  const sent = kinds.store(request);
  const size = countedAs(sent);
  rates.sends.take(actor.uid, size);
  rates.sendsADay.take(actor.uid, size);
  const asked = context.sendHook ? await beforeSend(context, actor, { roomId, request }) : request;
  return writes.run(sendMessages, {
    actor: actorOf(actor),
    roomId,
    clientId: request.clientId,
    type: request.type,
    ...(asked === request ? { stored: sent } : { stored: kinds.store(asked), sent }),
    replyTo: request.replyTo ?? null,
    mentions: request.mentions === "all" ? [EVERYBODY] : [...new Set(request.mentions ?? [])],
    visibleTo,
    friendsOnly,
  });
}

/** How many messages it counts as: each of its readers gets all of it, and it stays on the disk. */
function countedAs(stored: object): number {
  return Math.ceil(Buffer.byteLength(JSON.stringify(stored)) / SIZES.countedMessage.count);
}

/**
 * Takes a message back: its sender within two minutes, an administrator at any time.
 * @returns the JSON text of the message as it is now
 */
export async function recallMessage(
  { writes, hall, rates }: MessagesContext,
  actor: Actor,
  messageId: number,
): Promise<string> {
  rates.sends.take(actor.uid);
  return (await writes.run(procedures.recallMessage, { actor: actorOf(actor), hall, messageId })).text;
}

/** A page of a room's history as JSON text. Without an actor: an anonymous reader. @throws ProblemError `invalid` and as for reading a room */
export function listMessages(
  context: MessagesContext,
  actor: Actor | undefined,
  { roomId, ...query }: HistoryQuery & { roomId: number },
): Promise<string> {
  const { kinds } = context;
  if (query.around !== undefined && query.after !== undefined) {
    throw invalid("around", "cannot be combined with after");
  }
  return readTexts(context, async ({ db, asOf, shows }) => {
    const window = await readableWindow(context, db, { roomId, actor });
    const page = await historyPage(db, { id: roomId, window, actor, kinds, shows }, query);
    const rest = JSON.stringify({ nextCursor: page.nextCursor, asOf });
    return `{"items":[${page.texts.join(",")}],${rest.slice(1)}`;
  });
}

/** The JSON text of one message, as someone may read it. @throws ProblemError `not_found`, `unauthorized` */
export function getMessage(context: MessagesContext, actor: Actor | undefined, messageId: number): Promise<string> {
  const reader = sql<number>`${actor?.uid ?? 0}`;
  return readTexts(context, async ({ db, shows }) => {
    const row = await selectMessages(db, reader).where("messages.id", "=", messageId).executeTakeFirst();
    const isSeen = row && isAddressedTo(actor, row) && (await maySeeMessage(context, db, { ...row, actor }));
    if (!isSeen) throw new ProblemError(actor ? "not_found" : "unauthorized");
    const message = asMessage(row);
    shows(message);
    return messageText(message, context.kinds);
  });
}
