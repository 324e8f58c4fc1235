import { ChangeType, Push } from "@parley/protocol";
import type { KeptCursor } from "./cursors.ts";
import type { PushFrame } from "./wire.ts";

/**
 * Where frames become the application's events: each logged one once and in the order of its stream, whatever transport
 * brought it. The cursor moves on after the application's handlers ran, so what breaks off in between is delivered again
 * and never lost.
 */
export class Delivery {
  readonly #cursor: KeptCursor;
  readonly #emit: (frame: PushFrame) => void;
  /** Streams in which something was missing, with the seq before it: asked for again once. */
  readonly #gaps = new Map<string, number>();

  constructor(cursor: KeptCursor, emit: (frame: PushFrame) => void) {
    this.#cursor = cursor;
    this.#emit = emit;
  }

  /** @returns false when an event before this one is missing: nothing more of this connection may be delivered */
  deliver(frame: PushFrame): boolean {
    const { stream, seq } = frame;
    if (stream === undefined || seq === undefined) {
      this.#emit(frame);
      return true;
    }
    const seen = this.#cursor.seen(stream);
    if (seen !== undefined && seq <= seen) return true;
    if (seen !== undefined && seq > seen + 1 && !isJoin(frame) && this.#gaps.get(stream) !== seen) {
      this.#gaps.set(stream, seen);
      return false;
    }
    this.#gaps.delete(stream);
    this.#emit(frame);
    this.#cursor.saw(stream, seq);
    return true;
  }
}

/** Who comes back to a room goes on at his joining: what was logged while he was out counts as had. */
function isJoin({ type, data }: PushFrame): boolean {
  return type === Push.MEMBER_CHANGE && data.changeType === ChangeType.joined;
}
