import { Push, roomStream } from "@parley/protocol";
import type { LoggedEvent } from "./db/transaction.ts";
import { Internal, type InternalData } from "./identity/internal-events.ts";

const NOBODY: ReadonlySet<number> = new Set();

/**
 * Which people an event brings into a room without their knowing (`rooms/untold.ts`). The room's event names them like all others, so that
 * its members see them; the event before it, which no client gets, says who they are. Show it each event once, in order.
 */
export class UntoldJoins {
  /** By the room's stream, until its event comes, which is in the same transaction. */
  readonly #next = new Map<string, ReadonlySet<number>>();

  /** @returns those whom this event must not subscribe */
  see({ type, stream, data }: LoggedEvent): ReadonlySet<number> {
    if (type === Internal.JOINS_UNTOLD) {
      const { roomId, uids } = JSON.parse(data) as InternalData[-30];
      this.#next.set(roomStream(roomId), new Set(uids));
    }
    if (type !== Push.MEMBER_CHANGE || this.#next.size === 0) return NOBODY;
    const untold = this.#next.get(stream);
    this.#next.delete(stream);
    return untold ?? NOBODY;
  }
}
