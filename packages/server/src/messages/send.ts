import type { LoggedEvent, Outcome, WriteTransaction } from "../db/transaction.ts";
import { type Act, tellOf } from "../rooms/untold.ts";
import { type MessageKinds, messageKinds } from "./kinds/kinds.ts";
import { lookUp, type SendInput } from "./send-lookups.ts";
import { store } from "./send-store.ts";
import { judge, seenBy } from "./send-verdicts.ts";

export interface Sent {
  readonly id: number;
  /** False: this is the message that was sent with the same client id before. */
  readonly created: boolean;
  /** JSON text of the message object. */
  readonly text: string;
}

/**
 * Sends all waiting messages together, of any rooms and senders, by set queries. Each is judged alone, in order: a
 * refused one fails no other.
 */
export async function sendMessages(
  tx: WriteTransaction,
  inputs: readonly SendInput[],
  kinds: MessageKinds = messageKinds,
) {
  const known = await lookUp(tx, inputs, kinds);
  const seen = inputs.map((input) => seenBy(input, known));
  const verdicts = judge(seen, known, tx.clockNow);
  const accepted = verdicts.flatMap((verdict) => (verdict.kind === "new" ? [verdict.message] : []));
  const toTell = accepted.filter(({ input }) => input.visibleTo === "room" && known.rooms.get(input.roomId)?.untold);
  if (toTell.length > 0) await tellOf(tx, toTell.map(actOf));
  await store(tx, accepted, kinds);
  return verdicts.map((verdict): Outcome<Sent> => {
    if (verdict.kind === "refused") return { ok: false, error: verdict.error };
    if (verdict.kind === "repeat") {
      return {
        ok: true,
        value: { id: verdict.id, created: false, text: known.earlierTexts.get(verdict.id) as string },
      };
    }
    const created = verdict.kind === "new";
    const event = (created ? verdict.message : verdict.of).event as LoggedEvent;
    return { ok: true, value: { id: event.pos, created, text: event.data } };
  });
}

/** A message as an act that tells members of a room that they are in it; nobody has blocked the system. */
function actOf({ input: { roomId, actor } }: { readonly input: SendInput }): Act {
  return { roomId, by: actor.uid };
}
