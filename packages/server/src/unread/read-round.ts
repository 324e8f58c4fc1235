import { encodePush, HALL_ROOM_ID, LIMITS, Push, roomStream, userStream } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import { inChunks } from "../lib/in-chunks.ts";
import { every, type Stop } from "../lib/interval.ts";
import { silentRooms } from "../rooms/direct-silence.ts";
import { roomsOfAtMost } from "../rooms/small-rooms.ts";

/** Reads within this time are told together. */
const ROUND_MS = 1000;
/** Rooms that are told in one turn of the loop. */
const ROOMS_AT_ONCE = 200;

export interface ReadPublisher {
  /** Sends a frame that is not logged to everyone who is live in a stream. */
  readonly publish: (stream: string, frame: string) => void;
  /** Gets errors. What could not be told is not told later, because receipts over HTTP have it. */
  readonly onError: (error: unknown) => void;
}

/**
 * Tells by READ how far people have read, in rooms of at most 100 members: one frame for each room with what was gathered for a second. It
 * holds one place for each person and room that has moved in this second, so the rate of read places bounds it.
 */
export class ReadRound {
  readonly #db: ReadDatabase;
  /** Room -> person -> seq. */
  #moved = new Map<number, Map<number, number>>();
  #telling: Promise<void> | undefined;

  constructor(db: ReadDatabase) {
    this.#db = db;
  }

  /** A place has moved. For one person and room calls come in order, which is always forward. */
  note({ roomId, uid, seq }: { roomId: number; uid: number; seq: number }): void {
    if (roomId === HALL_ROOM_ID) return;
    const reads = this.#moved.get(roomId) ?? new Map<number, number>();
    reads.set(uid, seq);
    this.#moved.set(roomId, reads);
  }

  start({ publish, onError }: ReadPublisher): Stop {
    return every(ROUND_MS, () => void this.tell(publish).catch(onError));
  }

  /** One round at a time: otherwise one whose reads take long would tell an older place after a newer one. */
  async tell(publish: ReadPublisher["publish"]): Promise<void> {
    this.#telling ??= this.#round(publish).finally(() => {
      this.#telling = undefined;
    });
    await this.#telling;
  }

  async #round(publish: ReadPublisher["publish"]): Promise<void> {
    const moved = this.#moved;
    this.#moved = new Map();
    await inChunks([...moved], ROOMS_AT_ONCE, async (chunk) => {
      const ids = chunk.map(([roomId]) => roomId);
      const small = new Set(await roomsOfAtMost(this.#db, LIMITS.receiptRoomMembers, ids));
      const silent = await silentRooms(this.#db, [...small]);
      for (const [roomId, reads] of chunk) {
        if (!small.has(roomId)) continue;
        const all = [...reads].map(([uid, seq]) => ({ uid, seq }));
        if (!silent.has(roomId)) publish(roomStream(roomId), encodePush(Push.READ, { roomId, reads: all }));
        // Their own devices are told in any case.
        else for (const read of all) publish(userStream(read.uid), encodePush(Push.READ, { roomId, reads: [read] }));
      }
    });
  }
}
