import { ActiveStatus, encodePush, type OnlineChange, Push, roomStream } from "@parley/protocol";
import type { Clock } from "../lib/clock.ts";
import { after, every, type Stop } from "../lib/interval.ts";

/**
 * Knows who is online. A user is online while any of their connections lives, and for a grace after the last one ended, so that
 * a page reload is not a departure. Changes are gathered and told as states: one frame for each room of at most
 * `presenceRoomMembers` members, and the number of people online to everybody. Getting a state twice is harmless.
 *
 * The gateway says attached and detached; the rooms say who shares rooms with whom. Must not import either.
 */
export interface PresenceParts {
  readonly clock: Clock;
  /** For these users: each of their rooms that is small enough to be told, with the user it is about. */
  readonly smallRoomsOf: (uids: readonly number[]) => Promise<{ roomId: number; uid: number }[]>;
  /** Sends a frame that is not logged to everyone who is live in a stream. */
  readonly publish: (stream: string, frame: string) => void;
  /** The stream in which everybody hears the number of people online. */
  readonly everybody: string;
  readonly onError: (error: unknown) => void;
}

const GRACE_MS = 5000;
const GATHER_MS = 1000;

interface Online {
  connections: number;
  /** Ends the grace; set while no connection lives. */
  stopGrace: Stop | undefined;
}

export class Presence {
  readonly #parts: PresenceParts;
  readonly #online = new Map<number, Online>();
  /** Users whose status differs from what was last told. */
  readonly #changes = new Map<number, OnlineChange>();
  #telling: Promise<void> | undefined;
  #toldCount = 0;
  #graceMs = GRACE_MS;
  #stopped = false;

  constructor(parts: PresenceParts) {
    this.#parts = parts;
  }

  /** Gathers and tells until it is stopped; graces that run are dropped. */
  start(): Stop {
    const stop = every(GATHER_MS, () => {
      this.#tellCount();
      // One round at a time, since a slow older one would tell its states after those of a newer one.
      this.#telling ??= this.#tellRooms()
        .catch(this.#parts.onError)
        .finally(() => {
          this.#telling = undefined;
        });
    });
    return () => {
      stop();
      this.#stopped = true;
      for (const online of this.#online.values()) online.stopGrace?.();
    };
  }

  /** How many people are online, graces included. */
  get count(): number {
    return this.#online.size;
  }

  isOnline(uid: number): boolean {
    return this.#online.has(uid);
  }

  /** Lengthens the grace of departures from now on: people whom a stop of this node cuts off come back, to this node or another. */
  lengthenGrace(ms: number): void {
    this.#graceMs = Math.max(this.#graceMs, ms);
  }

  /** A connection became the user's. */
  attached(uid: number): void {
    const online = this.#online.get(uid);
    if (online) {
      online.stopGrace?.();
      online.stopGrace = undefined;
      online.connections += 1;
      return;
    }
    const now = this.#parts.clock.now();
    this.#online.set(uid, { connections: 1, stopGrace: undefined });
    this.#change({ uid, activeStatus: ActiveStatus.online, lastOptTime: now });
  }

  /** A connection of the user ended. */
  detached(uid: number): void {
    const online = this.#online.get(uid);
    if (!online) return;
    online.connections -= 1;
    if (online.connections > 0 || this.#stopped) return;
    const lastOptTime = this.#parts.clock.now();
    online.stopGrace = after(this.#graceMs, () => {
      this.#online.delete(uid);
      this.#change({ uid, activeStatus: ActiveStatus.offline, lastOptTime });
    });
  }

  #change(change: OnlineChange): void {
    this.#changes.set(change.uid, change);
  }

  /** The rooms to tell, with their members who changed. If asking fails, all is as before: the next round tells it. */
  async #roomsOf(changes: ReadonlyMap<number, OnlineChange>): Promise<Map<number, { uid: number }[]>> {
    try {
      return Map.groupBy(await this.#parts.smallRoomsOf([...changes.keys()]), (row) => row.roomId);
    } catch (error) {
      for (const [uid, change] of changes) {
        if (!this.#changes.has(uid)) this.#changes.set(uid, change);
      }
      throw error;
    }
  }

  #tellCount(): void {
    const onlineNum = this.count;
    if (onlineNum === this.#toldCount) return;
    this.#toldCount = onlineNum;
    this.#parts.publish(this.#parts.everybody, encodePush(Push.ONLINE_OFFLINE_NOTIFY, { changeList: [], onlineNum }));
  }

  async #tellRooms(): Promise<void> {
    if (this.#changes.size === 0) return;
    const changes = new Map(this.#changes);
    this.#changes.clear();
    const rooms = await this.#roomsOf(changes);
    if (this.#stopped) return;
    const onlineNum = this.count;
    for (const [roomId, members] of rooms) {
      const changeList = members.map(({ uid }) => changes.get(uid) as OnlineChange);
      this.#parts.publish(roomStream(roomId), encodePush(Push.ONLINE_OFFLINE_NOTIFY, { changeList, onlineNum }));
    }
  }
}
