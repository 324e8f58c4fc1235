/**
 * Red dots: how much is unread, and how far each person has read each room.
 *
 * - Unread is a difference of two counters, `rooms.no` minus the `no` read, so it costs the same for one message and for a
 *   million. A place only moves forward; writing in a room moves it too (`messages/send-store.ts`).
 * - SELF tells a person's other devices what they have read, at most once a second for each room (`self-gate.ts`), and READ tells the
 *   others in a small room, gathered for a second (`read-round.ts`).
 * - RED_DOT is never sent for a message: the message itself means one more.
 *
 * Asks rooms; must not import the gateway or messages' writing.
 */
import type { RedDot } from "@parley/protocol";
import { checkHallOpen } from "../rooms/rights.ts";
import { type Actor, actorOf } from "../rooms/rooms.ts";
import type { ReadPlace } from "./read-writes.ts";
import * as procedures from "./read-writes.ts";
import type { UnreadContext } from "./unread-context.ts";

/** Everything unread for the actor at one moment, which `asOf` names. */
export function getUnread({ starts }: UnreadContext, { uid }: Pick<Actor, "uid">): Promise<RedDot & { asOf: string }> {
  return starts.redDotOf(uid);
}

/** The actor has read a room up to a seq; their other devices are told as often as the gate lets through. */
export async function markRead(
  { writes, hall, selfGate, readRound, rates }: UnreadContext,
  actor: Actor,
  { roomId, seq }: { roomId: number; seq: number },
): Promise<ReadPlace> {
  checkHallOpen(roomId, hall, actor);
  rates.readPlaces.take(actor.uid);
  const read = { uid: actor.uid, roomId };
  const tell = selfGate.admit(read);
  let told = false;
  try {
    const { place, moved } = await writes.run(procedures.markRead, { actor: actorOf(actor), roomId, seq, tell });
    told = tell && moved;
    if (moved && !tell) selfGate.markPending(read);
    if (moved) readRound.note({ ...read, seq: place.readSeq });
    return place;
  } finally {
    if (tell && !told) selfGate.release(read);
  }
}
