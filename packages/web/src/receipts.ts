import { type ReadPlaces, readersOf, type StoredMember } from "@parley/client/store";
import type { Message } from "@parley/protocol";
import { MessageType } from "@parley/protocol/message-type";

/** What is shown below a message of the user's. */
export interface Receipt {
  readonly text: string;
  /** The people who have read it; empty: nobody, or there is only one who could. */
  readonly names: string;
}

export interface Read {
  readonly places: ReadPlaces;
  readonly members: readonly StoredMember[];
  readonly me: number;
  readonly isDirect: boolean;
}

/**
 * By message id: below the user's newest message, and, if nobody has read that one, below the newest that somebody has read. All before
 * were read as well. Pure.
 */
export function receiptsOf(items: readonly Message[], { places, members, me, isDirect }: Read): Map<number, Receipt> {
  const shown = new Map<number, Receipt>();
  const others = members.filter(({ uid }) => uid !== me);
  for (const message of items.toReversed()) {
    if (message.fromUser.uid !== me || message.message.type === MessageType.recalled) continue;
    const readers = readersOf(message, places, others);
    const names = others.flatMap(({ uid, name }) => (readers.includes(uid) ? [name] : [])).join(", ");
    const count = readers.length === others.length ? "all" : readers.length;
    const { id } = message.message;
    if (readers.length > 0)
      return shown.set(id, isDirect ? { text: "Read", names: "" } : { text: `Read by ${count}`, names });
    if (shown.size === 0 && others.length > 0) shown.set(id, { text: "Sent", names });
  }
  return shown;
}
