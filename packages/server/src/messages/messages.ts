/**
 * Messages: what people write in rooms. Sending, recalling, history.
 *
 * - A message's row holds what its sender wrote; what is shown is built from it at each reading (`message-json.ts`), so a
 *   recall or a new name reaches every later reader. The log and the tails hold its id, never a second copy of the text.
 * - Sends are written together by set queries (`send.ts`); one that is refused fails no other.
 * - The HTTP reply, the push and the history show the same JSON text, encoded once.
 *
 * Asks rooms who may write and read. Must not import unread, the gateway, or know which connections there are.
 */
import type { SendRequest } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import type { Writes } from "../db/writer.ts";
import { RateLimit } from "../http/rate-limit.ts";
import type { Clock } from "../lib/clock.ts";
import { ProblemError } from "../lib/problem.ts";
import { maySeeMessage, type Reader } from "../rooms/reading.ts";
import { checkHallSend } from "../rooms/rights.ts";
import type { Actor, HallRules } from "../rooms/rooms.ts";
import { messageText } from "./message-json.ts";
import { asMessage, selectMessages } from "./message-rows.ts";
import { type Sent, sendMessages } from "./send.ts";

export interface Sending {
  readonly writes: Writes;
  readonly clock: Clock;
  readonly hall: HallRules;
  readonly sendLimit: RateLimit;
}

/** Sends per user: 10 a second, 30 at once after a pause. */
export function newSendLimit(clock: Clock, enabled: boolean): RateLimit {
  return new RateLimit({ what: "messages", rate: { burst: 30, perSecond: 10 }, clock, enabled });
}

/**
 * Stores and logs one message; every door sends through here. Resolves after the commit.
 * @throws ProblemError as the room's rules refuse, `client_id_reused`, `rate_limited`, `overloaded`
 */
export function sendMessage(
  { writes, clock, hall, sendLimit }: Sending,
  actor: Actor,
  { roomId, request }: { roomId: number; request: SendRequest },
): Promise<Sent> {
  checkHallSend(roomId, hall, actor);
  sendLimit.take(actor.uid);
  return writes.run(sendMessages, {
    actor: { uid: actor.uid, power: actor.power },
    roomId,
    clientId: request.clientId,
    type: request.type,
    content: request.body.content,
    replyTo: request.replyTo ?? null,
    mentions: [...new Set(request.mentions ?? [])],
    now: clock.now(),
  });
}

/** The JSON text of one message, as someone may read it. @throws ProblemError `not_found`, `unauthorized` */
export async function messageFor(db: ReadDatabase, messageId: number, reader: Reader): Promise<string> {
  const row = await selectMessages(db).where("messages.id", "=", messageId).executeTakeFirst();
  if (row && (await maySeeMessage(db, row, reader))) return messageText(asMessage(row));
  throw new ProblemError(reader.actor ? "not_found" : "unauthorized");
}
