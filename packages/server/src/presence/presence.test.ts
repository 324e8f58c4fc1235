import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../lib/clock.ts";
import type { Stop } from "../lib/interval.ts";
import { Presence } from "./presence.ts";

interface Told {
  readonly stream: string;
  readonly type: number;
  readonly data: { changeList: { uid: number; activeStatus: number; lastOptTime: number }[]; onlineNum: number };
}

const [ANN, BOB] = [20_000, 20_001];
const type = Push.ONLINE_OFFLINE_NOTIFY;
let clock: ManualClock;
let presence: Presence;
let told: Told[];
let stop: Stop;

/** What happens while the rooms are asked for. */
let ask: (uids: readonly number[]) => Promise<void>;
let failures: unknown[];

beforeEach(() => {
  jest.useFakeTimers();
  clock = new ManualClock();
  told = [];
  failures = [];
  ask = async () => {};
  presence = new Presence({
    clock,
    smallRoomsOf: async (uids) => {
      await ask(uids);
      return uids.map((uid) => ({ roomId: 7, uid }));
    },
    publish: (stream, frame) => void told.push({ stream, ...JSON.parse(frame) }),
    everybody: "room:1",
    onError: (error) => void failures.push(error),
  });
  stop = presence.start();
});
afterEach(() => {
  stop();
  jest.useRealTimers();
});

/** So much time goes by, and what was asked meanwhile has its effect. */
async function pass(ms: number): Promise<void> {
  clock.advance(ms);
  jest.advanceTimersByTime(ms);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
}

const to = (stream: string) => told.filter((one) => one.stream === stream);
const states = () => to("room:7").map(({ data }) => data.changeList.map((one) => [one.uid, one.activeStatus]));
const counts = () => to("room:1").map(({ data }) => data.onlineNum);

describe("a user who comes online", () => {
  test("GW-80: is told once a second: one frame for each small room, the number to everybody", async () => {
    const now = clock.now();
    for (const uid of [ANN, BOB, BOB]) presence.attached(uid);
    await pass(999);
    expect(told).toEqual([]);
    await pass(1);
    const online = (uid: number) => ({ uid, activeStatus: 1, lastOptTime: now });
    expect(told).toEqual([
      { stream: "room:1", type, data: { changeList: [], onlineNum: 2 } },
      { stream: "room:7", type, data: { changeList: [online(ANN), online(BOB)], onlineNum: 2 } },
    ]);
    await pass(60_000);
    expect(told).toHaveLength(2);
  });

  test("GW-80: nobody is told of nobody, and no rooms are asked for", async () => {
    let asked = 0;
    ask = async () => void asked++;
    await pass(5000);
    expect([told, asked]).toEqual([[], 0]);
  });
});

describe("a user who goes offline", () => {
  test("GW-81: is told of after 5 s, with the time at which they went; a user who comes back meanwhile was never gone", async () => {
    for (const uid of [ANN, BOB, BOB]) presence.attached(uid);
    await pass(1000);
    presence.detached(BOB);
    for (const uid of [ANN, BOB]) presence.detached(uid);
    const goneAt = clock.now();
    await pass(3000);
    presence.attached(ANN);
    await pass(1999);
    expect([presence.isOnline(ANN), presence.isOnline(BOB), presence.count]).toEqual([true, true, 2]);
    await pass(1);
    expect([presence.isOnline(ANN), presence.isOnline(BOB), presence.count]).toEqual([true, false, 1]);
    await pass(1000);
    const gone = { changeList: [{ uid: BOB, activeStatus: 2, lastOptTime: goneAt }], onlineNum: 1 };
    expect([to("room:7").at(-1)?.data, to("room:7").length, counts()]).toEqual([gone, 2, [2, 1]]);
    await pass(60_000);
    expect([presence.isOnline(ANN), told.length]).toEqual([true, 4]);
  });

  test("GW-81: has gone when their last connection has ended, however often they came and went", async () => {
    for (let i = 0; i < 3; i++) presence.attached(ANN);
    for (let i = 0; i < 2; i++) presence.detached(ANN);
    await pass(10_000);
    expect(presence.isOnline(ANN)).toBe(true);
    presence.detached(ANN);
    await pass(4000);
    presence.attached(ANN);
    presence.attached(ANN);
    presence.detached(ANN);
    await pass(10_000);
    expect(presence.isOnline(ANN)).toBe(true);
    presence.detached(ANN);
    await pass(5000);
    expect([presence.isOnline(ANN), presence.count]).toEqual([false, 0]);
  });

  test("GW-81: has a new grace each time", async () => {
    presence.attached(ANN);
    presence.detached(ANN);
    await pass(3000);
    presence.attached(ANN);
    presence.detached(ANN);
    await pass(4999);
    expect(presence.isOnline(ANN)).toBe(true);
    await pass(1);
    expect(presence.isOnline(ANN)).toBe(false);
  });

  test("and was not there changes nothing", async () => {
    presence.detached(ANN);
    await pass(10_000);
    expect([told, presence.count, jest.getTimerCount()]).toEqual([[], 0, 1]);
  });

  test("DR-10: by a drain is not reported offline while they may be coming back; a grace never gets shorter", async () => {
    presence.attached(ANN);
    presence.attached(BOB);
    presence.detached(BOB);
    presence.lengthenGrace(20_000);
    presence.lengthenGrace(10_000);
    presence.detached(ANN);
    await pass(5000);
    expect([presence.isOnline(BOB), presence.isOnline(ANN)]).toEqual([false, true]);
    await pass(14_999);
    expect(presence.isOnline(ANN)).toBe(true);
    await pass(1);
    expect(presence.isOnline(ANN)).toBe(false);
  });
});

describe("rooms that cannot be asked for", () => {
  test("GW-80: what could not be told is told later, as it is then", async () => {
    ask = async () => {
      presence.attached(BOB);
      ask = async () => {};
      throw new Error("the database is busy");
    };
    presence.attached(ANN);
    await pass(1000);
    expect([failures, to("room:7")]).toEqual([[new Error("the database is busy")], []]);
    await pass(1000);
    expect(states().map((one) => one.sort())).toEqual([
      [
        [ANN, 1],
        [BOB, 1],
      ],
    ]);
  });

  test("GW-80: a newer state takes the place of the one that could not be told", async () => {
    presence.attached(ANN);
    await pass(1000);
    told.length = 0;
    ask = async () => {
      ask = async () => {};
      presence.attached(ANN);
      throw new Error("busy");
    };
    presence.detached(ANN);
    await pass(5000);
    await pass(1000);
    await pass(1000);
    expect([states(), failures.length]).toEqual([[[[ANN, 1]]], 1]);
  });

  test("GW-80: the number of people online is told all the same", async () => {
    ask = async () => {
      throw new Error("gone for good");
    };
    presence.attached(ANN);
    for (let second = 0; second < 3; second++) await pass(1000);
    presence.attached(BOB);
    await pass(1000);
    expect([counts(), states(), failures.length]).toEqual([[1, 2], [], 4]);
  });

  test("GW-80: a slow answer never tells an older state, or an older number, after a newer one", async () => {
    const slow = Promise.withResolvers<void>();
    ask = async () => {
      ask = async () => {};
      await slow.promise;
    };
    presence.attached(ANN);
    presence.attached(BOB);
    await pass(1000);
    presence.detached(ANN);
    await pass(5000);
    await pass(3000);
    expect([counts(), states()]).toEqual([[2, 1], []]);
    slow.resolve();
    await pass(0);
    // The number is the one of now.
    expect(to("room:7").map(({ data }) => data.onlineNum)).toEqual([1]);
    await pass(1000);
    expect(states()).toEqual([
      [
        [ANN, 1],
        [BOB, 1],
      ],
      [[ANN, 2]],
    ]);
  });
});

describe("after a stop", () => {
  test("nothing is told, no grace runs, and none begins", async () => {
    presence.attached(ANN);
    presence.attached(BOB);
    presence.detached(ANN);
    stop();
    presence.detached(BOB);
    expect(jest.getTimerCount()).toBe(0);
    await pass(60_000);
    expect([told, presence.count]).toEqual([[], 2]);
  });

  test("what was asked for before is not told", async () => {
    const slow = Promise.withResolvers<void>();
    ask = () => slow.promise;
    presence.attached(ANN);
    await pass(1000);
    stop();
    slow.resolve();
    await pass(1000);
    expect([states(), failures]).toEqual([[], []]);
  });
});
