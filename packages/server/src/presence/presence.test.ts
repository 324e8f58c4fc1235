import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../lib/clock.ts";
import { type Stop, withDeadline } from "../lib/interval.ts";
import { Presence } from "./presence.ts";

interface Told {
  readonly stream: string;
  readonly type: number;
  readonly data: { changeList: { uid: number; activeStatus: number; lastOptTime: number }[]; onlineNum: number };
}

const [ANN, BOB] = [20_000, 20_001];
const clock = new ManualClock();
let presence: Presence;
let told: Told[];
let wake: () => void;
let stop: Stop;

/** What happens while the rooms are asked for. */
let ask: () => Promise<void>;
let failures: unknown[];

beforeEach(() => {
  told = [];
  failures = [];
  ask = async () => {};
  wake = () => {};
  presence = new Presence({
    clock,
    smallRoomsOf: async (uids) => {
      await ask();
      return uids.map((uid) => ({ roomId: 7, uid }));
    },
    publish: (stream, frame) => {
      told.push({ stream, ...JSON.parse(frame) });
      wake();
    },
    everybody: "room:1",
    onError: (error) => void failures.push(error),
  });
  stop = presence.start();
});
afterEach(() => {
  stop();
  expect(failures).toEqual([]);
});

test("GW-80: what could not be told is told later, as it is then", async () => {
  ask = async () => {
    presence.attached(BOB);
    ask = async () => {};
    throw new Error("the database is busy");
  };
  presence.attached(ANN);
  const [frame] = await tellings("room:7", 1);
  expect(frame?.data.changeList.map(({ uid, activeStatus }) => [uid, activeStatus]).sort()).toEqual([
    [ANN, 1],
    [BOB, 1],
  ]);
  expect(failures.splice(0)).toEqual([new Error("the database is busy")]);
});

/** The frames told so far and from now on, once there are as many of a stream. */
async function tellings(stream: string, count: number, deadlineMs = 4000): Promise<Told[]> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const found = () => told.filter((one) => one.stream === stream);
  wake = () => {
    if (found().length >= count) resolve();
  };
  wake();
  await withDeadline(promise, deadlineMs, `less than ${count} frames for ${stream}: ${JSON.stringify(told)}`);
  return found();
}

test("GW-80: who comes is told once a second: one frame for each small room, the number to everybody", async () => {
  presence.attached(ANN);
  presence.attached(BOB);
  presence.attached(BOB);
  const now = clock.now();
  const online = (uid: number) => ({ uid, activeStatus: 1, lastOptTime: now });
  const type = Push.ONLINE_OFFLINE_NOTIFY;
  expect(await tellings("room:7", 1)).toEqual([
    { stream: "room:7", type, data: { changeList: [online(ANN), online(BOB)], onlineNum: 2 } },
  ]);
  expect(told).toContainEqual({ stream: "room:1", type, data: { changeList: [], onlineNum: 2 } });
  expect(told).toHaveLength(2);
});

test("GW-81: who goes is told after 5 s, with the time of his going; who comes back meanwhile was never gone", async () => {
  for (const uid of [ANN, BOB, BOB]) presence.attached(uid);
  await tellings("room:7", 1);
  presence.detached(BOB);
  for (const uid of [ANN, BOB]) presence.detached(uid);
  const goneAt = clock.now();
  clock.advance(1000);
  presence.attached(ANN);
  expect([presence.isOnline(ANN), presence.isOnline(BOB), presence.count]).toEqual([true, true, 2]);
  const [, gone] = await tellings("room:7", 2, 9000);
  expect(gone?.data).toEqual({ changeList: [{ uid: BOB, activeStatus: 2, lastOptTime: goneAt }], onlineNum: 1 });
  expect((await tellings("room:1", 2)).map(({ data }) => data.onlineNum)).toEqual([2, 1]);
}, 15_000);

test("DR-10: who is cut by a drain is not told offline while he may be coming back", async () => {
  presence.attached(ANN);
  presence.attached(BOB);
  await tellings("room:7", 1);
  presence.detached(BOB);
  presence.lengthenGrace(20_000);
  presence.detached(ANN);
  const frames = await tellings("room:7", 2, 8000);
  expect(frames.at(-1)?.data).toMatchObject({ changeList: [{ uid: BOB, activeStatus: 2 }], onlineNum: 1 });
  expect(presence.isOnline(ANN)).toBe(true);
}, 10_000);
