import type { Message } from "@parley/protocol";
import { keyOf, NO_MARKS, type Quote, type ShownMessage, shownMessage } from "./shown-message.ts";

/** A message of ours that the server may not have yet. */
export interface Draft {
  readonly roomId: number;
  readonly uid: number;
  readonly clientId: string;
  readonly text: string;
  readonly at: number;
  readonly quote: Quote | null;
  readonly mentions: readonly number[] | "all";
}

interface Waiting {
  readonly draft: Draft;
  readonly shown: ShownMessage;
}

/** Messages that were written here, until they are among those of the server. */
export class Outgoing {
  #waiting: Waiting[] = [];

  draft(clientId: string): Draft | undefined {
    return this.#waiting.find(({ draft }) => draft.clientId === clientId)?.draft;
  }

  /** A message that is being sent, or sent again. */
  sending(draft: Draft): void {
    const { uid, clientId, text, at, quote, mentions } = draft;
    const shown: ShownMessage = {
      ...{ key: keyOf(uid, clientId, 0), uid, clientId, text, quote, sentAt: at, marks: NO_MARKS },
      ...{ id: undefined, seq: undefined, kind: "text", delivery: "sending" },
      mentions: mentions === "all" ? [0] : mentions,
    };
    this.discard(clientId);
    this.#waiting.push({ draft, shown });
  }

  /** The server has it; it stays here until its event has come. */
  sent(clientId: string, message: Message): void {
    this.#change(clientId, () => shownMessage(message));
  }

  failed(clientId: string, error: string): void {
    this.#change(clientId, (shown) => ({ ...shown, delivery: "failed", error }));
  }

  discard(clientId: string): void {
    this.#waiting = this.#waiting.filter(({ draft }) => draft.clientId !== clientId);
  }

  /**
   * The messages of a room: what the server has, then ours that are on their way.
   * @param head the newest known event of the room: messages that the server has up to there are no longer on their way
   */
  behind(roomId: number, sent: readonly Message[], head: number): readonly ShownMessage[] {
    const all = sent.map(shownMessage);
    const keys = new Set(all.map(({ key }) => key));
    this.#waiting = this.#waiting.filter(({ draft, shown }) => {
      const isThere = keys.has(shown.key) || (shown.seq ?? Number.POSITIVE_INFINITY) <= head;
      return draft.roomId !== roomId || !isThere;
    });
    return [...all, ...this.#waiting.filter(({ draft }) => draft.roomId === roomId).map(({ shown }) => shown)];
  }

  #change(clientId: string, change: (shown: ShownMessage) => ShownMessage): void {
    this.#waiting = this.#waiting.map((one) =>
      one.draft.clientId === clientId ? { ...one, shown: change(one.shown) } : one,
    );
  }
}
