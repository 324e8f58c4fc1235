import type { Cursor } from "@parley/protocol";
import type { MessageDataOf } from "./announce.ts";
import type { ReadableStreams } from "./read-window.ts";
import type { Tail } from "./tail.ts";

/** What the outboxes of all readers share. */
export interface OutboxParts {
  readonly tail: Tail;
  readonly epoch: string;
  readonly messageDataOf: MessageDataOf;
  /** Resolves when this node has announced everything up to a position that was committed. */
  readonly whenAnnounced: (position: number) => Promise<void>;
  /** Reads which streams a user, or without a uid an anonymous reader, may read, in one read transaction. */
  readonly readWindows: (reader: { uid: number | undefined; cursor: Cursor }) => Promise<ReadableStreams>;
}
