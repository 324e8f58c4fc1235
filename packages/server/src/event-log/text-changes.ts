import { Push, type PushData } from "@parley/protocol";
import type { LoggedEvent } from "../db/transaction.ts";
import { RecentChanges } from "../lib/recent-changes.ts";

/** A message that a reply shows, with the one that it quotes. */
export interface ShownMessage {
  readonly id: number;
  /** The person who wrote it. */
  readonly uid: number;
  readonly quoted: Pick<ShownMessage, "id" | "uid"> | null;
}

/** Knows which texts of messages have changed lately, by recalls and bans, for replies that were being read meanwhile (`snapshot.ts`). */
export class TextChanges {
  /** By the position of the event that says so. */
  readonly #messages = new RecentChanges<number>(0);
  readonly #authors = new RecentChanges<number>(0);

  /** Called for every announced event, before the reply to what it says. */
  onEvent({ type, pos, messageId, data }: LoggedEvent): void {
    if (type === Push.RECALL || type === Push.MESSAGE_UPDATE) {
      if (messageId !== null) this.#messages.note(messageId, pos);
    } else if (type === Push.BLACK || type === Push.UNBLACK) {
      this.#authors.note((JSON.parse(data) as PushData[7 | 116]).uid, pos);
    }
  }

  /** Whether the text is another one than at that position; also true where too much has changed since to be sure. */
  changedSince({ quoted, ...message }: ShownMessage, pos: number): boolean {
    return [message, ...(quoted ? [quoted] : [])].some(
      ({ id, uid }) => this.#messages.changedSince(id, pos) || this.#authors.changedSince(uid, pos),
    );
  }
}
