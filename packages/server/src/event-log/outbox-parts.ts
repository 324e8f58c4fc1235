import type { Cursor } from "@parley/protocol";
import type { MessageDataOf } from "./announce.ts";
import type { ReadableStreams } from "./read-window.ts";
import type { Tail } from "./tail.ts";

/** What every reader's outbox is made of; one for the whole node. */
export interface OutboxParts {
  readonly tail: Tail;
  readonly epoch: string;
  readonly messageDataOf: MessageDataOf;
  /** Resolves when this node has announced everything up to a position that was committed. */
  readonly whenAnnounced: (position: number) => Promise<void>;
  /** What somebody may read, in one read transaction; without a uid, what an anonymous reader may. */
  readonly readWindows: (reader: { uid: number | undefined; cursor: Cursor }) => Promise<ReadableStreams>;
}
