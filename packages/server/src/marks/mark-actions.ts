/**
 * Marks: likes and dislikes of messages. A person has at most one mark on a message: setting one takes the other away.
 *
 * - A mark is a row of one person and one message. The message's own row counts them, in the same transaction, so a page of
 *   messages counts nothing, and the count cannot drift.
 * - MARK says what changed and how many marks of that type there are now. It stands where the message is, so everybody who
 *   reads the message reads its marks. A client sets its count to that number and never adds.
 * - A recall leaves the marks as they are; nobody can change them any more.
 *
 * Asks messages and rooms; must not import unread, the gateway or http's shell.
 */
import type { MessageMark } from "@parley/protocol";
import { takeEach } from "../limits/take-each.ts";
import type { MessagesContext } from "../messages/messages-context.ts";
import { type Actor, actorOf } from "../rooms/rooms.ts";
import type { MarkWanted } from "./mark-lookups.ts";
import * as procedures from "./mark-writes.ts";

/**
 * Sets or takes away one mark of the actor; if nothing changes, nobody is told.
 * @returns the message's marks as the actor sees them now
 * @throws ProblemError `not_found`, `forbidden` after leaving, `room_dissolved`, `already_recalled`, `person_blocked`, `rate_limited`, `overloaded`
 */
export async function changeMark(
  { writes, hall, rates }: Pick<MessagesContext, "writes" | "hall" | "rates">,
  actor: Actor,
  { messageId, markType, actType }: MarkWanted,
): Promise<MessageMark> {
  takeEach({ rate: rates.marks, key: actor.uid }, { rate: rates.marksADay, key: actor.uid });
  return writes.run(procedures.changeMarks, { actor: actorOf(actor), hall, messageId, markType, actType });
}
