import { ChangeType, Push } from "@parley/protocol/events";
import { userOfStream } from "@parley/protocol/streams";
import type { ClientCursor } from "./client-cursor.ts";
import type { PushFrame } from "./push-frame.ts";

/*
 * reading/: turns what comes from the server into what the application gets. Frames become events here: each logged one once and in the
 * order of its stream, whichever transport brought it. The cursor advances after the application's handlers ran, so an event that is
 * interrupted in between is delivered again and never lost. State that is read anew after a RESYNC is read here too. It knows no
 * connection; it imports api/, lib/ and the protocol.
 */

/** Decides which frames are new. */
export class Delivery {
  readonly #cursor: ClientCursor;
  readonly #emit: (frame: PushFrame) => void;
  /** Streams in which an event was missing, with the seq before it. Missing events are requested once more, and not twice. */
  readonly #gaps = new Map<string, number>();
  /** The user who reads, as far as that is known: from LOGIN_SUCCESS, or from the events of the user's own stream. */
  #uid: number | undefined;

  constructor(cursor: ClientCursor, emit: (frame: PushFrame) => void) {
    this.#cursor = cursor;
    this.#emit = emit;
  }

  /** Somebody else may read from now on. */
  begin(): void {
    this.#uid = undefined;
  }

  /** @returns false when an event before this one is missing: nothing more of this connection may be delivered */
  deliver(frame: PushFrame): boolean {
    const { stream, seq } = frame;
    if (stream === undefined || seq === undefined) {
      if (frame.type === Push.LOGIN_SUCCESS) this.#uid = frame.data.uid;
      this.#emit(frame);
      return true;
    }
    this.#uid = userOfStream(stream) ?? this.#uid;
    const seen = this.#cursor.seen(stream);
    if (seen !== undefined && seq <= seen) return true;
    if (seen !== undefined && seq > seen + 1 && !this.#isOwnJoin(frame) && this.#gaps.get(stream) !== seen) {
      this.#gaps.set(stream, seen);
      return false;
    }
    this.#gaps.delete(stream);
    this.#emit(frame);
    this.#cursor.saw(stream, seq);
    return true;
  }

  /** Users who come back to a room continue at their own joining: events that were logged while they were out do not count as missing. */
  #isOwnJoin({ type, data }: PushFrame): boolean {
    if (type !== Push.MEMBER_CHANGE || data.changeType !== ChangeType.joined || this.#uid === undefined) return false;
    return data.uid === this.#uid || data.uids?.includes(this.#uid) === true;
  }
}
