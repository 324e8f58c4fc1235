import type { MessageDataOf } from "./announce.ts";
import type { ReadWindow } from "./subscriptions.ts";
import type { Tail } from "./tail.ts";

/** What every reader's outbox is made of; one for the whole node. */
export interface OutboxParts {
  readonly tail: Tail;
  readonly epoch: string;
  readonly messageDataOf: MessageDataOf;
  /** Hands on what this node has not announced yet, up to a position; resolves at the log's end at the latest. */
  readonly reach: (position: number) => Promise<void>;
  /** The reader's windows as the database has them; without a uid, an anonymous reader's. */
  readonly windowsOf: (uid: number | undefined) => Promise<ReadWindow[]>;
}
