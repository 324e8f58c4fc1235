import { encodePush, Push, roomStream, userStream } from "@parley/protocol";
import type { ReadDatabase } from "../db/open.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import { Internal, type InternalData } from "../identity/internal-events.ts";
import { findUsers } from "../identity/users.ts";
import { after, type Stop } from "../lib/interval.ts";
import { smallRoomsOf } from "./small-rooms.ts";

/** The pause between two rounds: a person who changes their name all the time costs their rooms one frame a second. */
const PAUSE_MS = 1000;
/** The most changes that one round tells; the next rounds tell the others. */
const ROUND = 100;

export interface PeopleChangesParts {
  readonly db: ReadDatabase;
  /** Sends a frame that is not logged to everyone who is live in a stream. */
  readonly publish: (stream: string, frame: string) => void;
  readonly onError: (error: unknown) => void;
}

/**
 * Tells by USER that a person's name or picture changed, or that their account was deleted: on their own connections, and in their rooms
 * that are small enough for presence. The first change is told at once, further changes within a second together. A name is a state:
 * getting it twice is harmless, and clients that miss it read it over HTTP.
 */
export class PeopleChanges {
  readonly #parts: PeopleChangesParts;
  /** People whose changes have not been told yet. */
  readonly #waiting = new Set<number>();
  #busy = false;
  #stopPause: Stop | undefined;
  #stopped = false;

  constructor(parts: PeopleChangesParts) {
    this.#parts = parts;
  }

  /** To be called for every announced event. */
  onEvent({ type, data }: LoggedEvent): void {
    if (type !== Internal.USER_CHANGED) return;
    this.#waiting.add((JSON.parse(data) as InternalData[-3]).uid);
    this.#begin();
  }

  stop(): void {
    this.#stopped = true;
    this.#stopPause?.();
  }

  #begin(): void {
    if (this.#busy || this.#stopped || this.#waiting.size === 0) return;
    this.#busy = true;
    const uids = [...this.#waiting].slice(0, ROUND);
    for (const uid of uids) this.#waiting.delete(uid);
    this.#tell(uids)
      .catch((error: unknown) => {
        for (const uid of uids) this.#waiting.add(uid);
        if (!this.#stopped) this.#parts.onError(error);
      })
      .finally(() => {
        if (this.#stopped) return;
        this.#stopPause = after(PAUSE_MS, () => {
          this.#busy = false;
          this.#begin();
        });
      });
  }

  async #tell(uids: readonly number[]): Promise<void> {
    const { db, publish } = this.#parts;
    const users = await findUsers(db, uids);
    const rooms = await smallRoomsOf(db, uids);
    if (this.#stopped) return;
    const frames = new Map([...users].map(([uid, user]) => [uid, encodePush(Push.USER, user)]));
    for (const [uid, frame] of frames) publish(userStream(uid), frame);
    for (const { roomId, uid } of rooms) publish(roomStream(roomId), frames.get(uid) as string);
  }
}
