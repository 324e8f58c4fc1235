import type { Message, ReadPlace } from "../api/api-types.ts";
import { ParleyError } from "../api/parley-error.ts";
import { pause } from "../lib/timers.ts";

interface Room {
  /** The farthest place that was said. */
  seq: number;
  /** The `seq` of the newest message, where that is the user's own; else 0. */
  own: number;
  /** The request that is to come, with the place as it will be then. */
  next?: Promise<ReadPlace> | undefined;
  /** Resolves when a next request may go. */
  free?: Promise<void>;
}

export interface ReadsParts {
  readonly gatherMs: number;
  /** When it fires, what waits goes at once. */
  readonly signal: () => AbortSignal;
  /** `PUT /rooms/{id}/read`. */
  readonly ask: (roomId: number, seq: number) => Promise<ReadPlace>;
}

/**
 * How far the user has read. What is said of a room within a second of its last request goes by one more. People who write have read up to
 * their message, so where that is the newest of the room, the server knows already (IM-72).
 */
export class Reads {
  readonly #parts: ReadsParts;
  readonly #rooms = new Map<number, Room>();

  constructor(parts: ReadsParts) {
    this.#parts = parts;
  }

  /** @throws ParleyError */
  read(roomId: number, seq: number): Promise<ReadPlace> {
    const room = this.#of(roomId);
    room.seq = Math.max(room.seq, seq);
    room.next ??= this.#send(roomId, room);
    return room.next;
  }

  /** Before the application has it. */
  said({ fromUser, message: { roomId, seq } }: Message, me: number | undefined): void {
    this.#of(roomId).own = fromUser.uid === me ? seq : 0;
  }

  /** Somebody else signs in: what waits is not theirs. */
  clear(): void {
    this.#rooms.clear();
  }

  #of(roomId: number): Room {
    const room = this.#rooms.get(roomId) ?? { seq: 0, own: 0 };
    this.#rooms.set(roomId, room);
    return room;
  }

  async #send(roomId: number, room: Room): Promise<ReadPlace> {
    await room.free;
    room.next = undefined;
    const { own, seq } = room;
    if (this.#rooms.get(roomId) !== room) throw new ParleyError(0, { code: "other_user" });
    if (own >= seq) return { roomId, readSeq: own, unread: 0 };
    const { gatherMs, signal, ask } = this.#parts;
    room.free = pause(gatherMs, signal());
    return ask(roomId, seq);
  }
}
