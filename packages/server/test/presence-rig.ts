import { jest } from "bun:test";
import { Push } from "@parley/protocol";
import type { LoggedEvent } from "../src/db/transaction.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { Presence } from "../src/presence/presence.ts";

export interface Told {
  readonly stream: string;
  readonly type: number;
  readonly data: { changeList: { uid: number; activeStatus: number; lastOptTime: number }[]; onlineNum: number };
}

export const [ANN, BOB] = [20_000, 20_001];

/** Presence with a clock that stands still, which records what it publishes. Everybody who comes online is in the same rooms. */
export class PresenceRig {
  readonly clock = new ManualClock();
  readonly told: Told[] = [];
  readonly failures: unknown[] = [];
  /** The rooms that everybody is in, as the database has them. */
  rooms = [{ roomId: 7, memberCount: 2 }];
  /** The members of each room that is asked about. */
  members = [ANN, BOB];
  /** What happens while people's rooms, or a room's members, are read. */
  ask = async () => {};
  askMembers = async () => {};
  /** Lets others have their turn while a round goes on. */
  turn = async () => {};
  #pos = 1000;
  readonly presence = new Presence({
    clock: this.clock,
    turn: () => this.turn(),
    readMembers: () => this.askMembers().then(() => this.members),
    readRooms: async () => {
      await this.ask();
      return { asOf: 100, rows: this.rooms.map((room) => ({ activity: room.roomId, ...room })) };
    },
  });
  readonly stop = this.presence.start({
    publish: (stream, frame) => void this.told.push({ stream, ...JSON.parse(frame) }),
    everybody: "room:1",
    onError: (error) => void this.failures.push(error),
  });

  /** Lets this much time go by, and lets what was requested meanwhile take effect. */
  async pass(ms: number): Promise<void> {
    await this.settle();
    this.clock.advance(ms);
    jest.advanceTimersByTime(ms);
    await this.settle();
  }

  /** Resolves when everything that has begun is done, unless it waits for a timer. */
  async settle(): Promise<void> {
    for (let turn = 0; turn < 50; turn++) await Promise.resolve();
  }

  to(stream: string): Told[] {
    return this.told.filter((one) => one.stream === stream);
  }

  /** The frames that room 7 got, one by one. */
  states(): number[][][] {
    return this.to("room:7").map(({ data }) => data.changeList.map((one) => [one.uid, one.activeStatus]));
  }

  counts(): number[] {
    return this.to("room:1").map(({ data }) => data.onlineNum);
  }

  event(stream: string, type: number, data: object): LoggedEvent {
    this.#pos += 1;
    return { pos: this.#pos, stream, seq: this.#pos, type, data: JSON.stringify(data) } as LoggedEvent;
  }

  moved(stream: string, changeType: 1 | 2, uids: readonly number[]): LoggedEvent {
    return this.event(stream, Push.MEMBER_CHANGE, { roomId: Number(stream.slice(5)), uid: uids[0], uids, changeType });
  }
}
