import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ANN, BOB, PresenceRig } from "../../test/presence-rig.ts";

const type = Push.ONLINE_OFFLINE_NOTIFY;
let rig: PresenceRig;
beforeEach(() => {
  jest.useFakeTimers();
  rig = new PresenceRig();
});
afterEach(() => {
  rig.stop();
  jest.useRealTimers();
});

describe("a user who comes online", () => {
  test("GW-80: is told once a second: one frame for each small room, the number to everybody", async () => {
    const now = rig.clock.now();
    for (const uid of [ANN, BOB, BOB]) rig.presence.attached(uid);
    await rig.pass(999);
    expect(rig.told).toEqual([]);
    await rig.pass(1);
    const online = (uid: number) => ({ uid, activeStatus: 1, lastOptTime: now });
    expect(rig.told).toEqual([
      { stream: "room:1", type, data: { changeList: [], onlineNum: 2 } },
      { stream: "room:7", type, data: { changeList: [online(ANN), online(BOB)], onlineNum: 2 } },
    ]);
    await rig.pass(60_000);
    expect(rig.told).toHaveLength(2);
  });

  test("GW-80: nobody is told of nobody, and no rooms are asked for", async () => {
    let asked = 0;
    rig.ask = async () => void asked++;
    await rig.pass(5000);
    expect([rig.told, asked]).toEqual([[], 0]);
  });
});

describe("a user who goes offline", () => {
  test("GW-81: is told of after 5 s, with the time at which they went; a user who comes back meanwhile was never gone", async () => {
    for (const uid of [ANN, BOB, BOB]) rig.presence.attached(uid);
    await rig.pass(1000);
    rig.presence.detached(BOB);
    for (const uid of [ANN, BOB]) rig.presence.detached(uid);
    const goneAt = rig.clock.now();
    await rig.pass(3000);
    rig.presence.attached(ANN);
    await rig.pass(1999);
    expect([rig.presence.isOnline(ANN), rig.presence.isOnline(BOB), rig.presence.count]).toEqual([true, true, 2]);
    await rig.pass(1);
    expect([rig.presence.isOnline(ANN), rig.presence.isOnline(BOB), rig.presence.count]).toEqual([true, false, 1]);
    await rig.pass(1000);
    const gone = { changeList: [{ uid: BOB, activeStatus: 2, lastOptTime: goneAt }], onlineNum: 1 };
    expect([rig.to("room:7").at(-1)?.data, rig.to("room:7").length, rig.counts()]).toEqual([gone, 2, [2, 1]]);
    await rig.pass(60_000);
    expect([rig.presence.isOnline(ANN), rig.told.length]).toEqual([true, 4]);
  });

  test("GW-81: each change has a later time than the one before, however far the clock was set back", async () => {
    const times: number[] = [];
    rig.presence.watch(({ lastOptTime }) => times.push(lastOptTime));
    rig.presence.attached(ANN);
    for (let n = 0; n < 3; n++) {
      rig.clock.advance(-3_600_000);
      rig.presence.detached(ANN);
      await rig.pass(5000);
      rig.presence.attached(ANN);
    }
    const [first = 0] = times;
    expect(times).toEqual([0, 1, 2, 3, 4, 5, 6].map((later) => first + later));
  });

  test("GW-81: has gone when their last connection has ended, however often they came and went", async () => {
    for (let i = 0; i < 3; i++) rig.presence.attached(ANN);
    for (let i = 0; i < 2; i++) rig.presence.detached(ANN);
    await rig.pass(10_000);
    expect(rig.presence.isOnline(ANN)).toBe(true);
    rig.presence.detached(ANN);
    await rig.pass(4000);
    rig.presence.attached(ANN);
    rig.presence.attached(ANN);
    rig.presence.detached(ANN);
    await rig.pass(10_000);
    expect(rig.presence.isOnline(ANN)).toBe(true);
    rig.presence.detached(ANN);
    await rig.pass(5000);
    expect([rig.presence.isOnline(ANN), rig.presence.count]).toEqual([false, 0]);
  });

  test("GW-81: has a new grace each time", async () => {
    rig.presence.attached(ANN);
    rig.presence.detached(ANN);
    await rig.pass(3000);
    rig.presence.attached(ANN);
    rig.presence.detached(ANN);
    await rig.pass(4999);
    expect(rig.presence.isOnline(ANN)).toBe(true);
    await rig.pass(1);
    expect(rig.presence.isOnline(ANN)).toBe(false);
  });

  test("and was not there changes nothing", async () => {
    rig.presence.detached(ANN);
    await rig.pass(10_000);
    expect([rig.told, rig.presence.count, jest.getTimerCount()]).toEqual([[], 0, 1]);
  });

  test("DR-10: by a drain is not reported offline while they may be coming back; a grace never gets shorter", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    rig.presence.detached(BOB);
    rig.presence.lengthenGrace(20_000);
    rig.presence.lengthenGrace(10_000);
    rig.presence.detached(ANN);
    await rig.pass(5000);
    expect([rig.presence.isOnline(BOB), rig.presence.isOnline(ANN)]).toEqual([false, true]);
    await rig.pass(14_999);
    expect(rig.presence.isOnline(ANN)).toBe(true);
    await rig.pass(1);
    expect(rig.presence.isOnline(ANN)).toBe(false);
  });
});

describe("rooms that cannot be asked for", () => {
  test("GW-80: what could not be told is told with the next round", async () => {
    rig.ask = async () => {
      rig.ask = async () => {};
      throw new Error("the database is busy");
    };
    rig.presence.attached(ANN);
    await rig.settle();
    expect([rig.failures, rig.told]).toEqual([[new Error("the database is busy")], []]);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    expect(rig.states().map((one) => one.sort())).toEqual([
      [
        [ANN, 1],
        [BOB, 1],
      ],
    ]);
  });

  test("GW-80: the number of people online is told all the same", async () => {
    rig.ask = async () => {
      throw new Error("gone for good");
    };
    rig.presence.attached(ANN);
    for (let second = 0; second < 3; second++) await rig.pass(1000);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    expect([rig.counts(), rig.states(), rig.failures.length > 3]).toEqual([[1, 2], [], true]);
  });

  test("GW-80: somebody who has gone before their rooms were read was never told of", async () => {
    const slow = Promise.withResolvers<void>();
    rig.ask = () => slow.promise;
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    rig.presence.detached(ANN);
    await rig.pass(5000);
    await rig.pass(3000);
    expect([rig.counts(), rig.states()]).toEqual([[2, 1], []]);
    slow.resolve();
    await rig.pass(1000);
    expect(rig.states()).toEqual([[[BOB, 1]]]);
  });

  test("a connection that waits for them hears of the failure", async () => {
    rig.ask = async () => {
      throw new Error("busy");
    };
    rig.presence.attached(ANN);
    const known = rig.presence.whenKnown(ANN).catch((error: Error) => error.message);
    await rig.settle();
    expect(await known).toBe("busy");
  });
});

describe("somebody who begins to read", () => {
  const shown = (uid: number | undefined, length = 1_000_000) =>
    rig.presence.snapshotFor(uid, length).map((frame) => JSON.parse(frame).data);
  const named = (uid: number) => shown(uid).map(({ changeList }) => changeList.map((one: { uid: number }) => one.uid));

  test("GW-82: is told of everybody who is online in their small rooms, and at the end of themselves and the number", async () => {
    rig.rooms.push({ roomId: 8, memberCount: 501 });
    rig.presence.attached(ANN);
    await rig.pass(1000);
    const at = rig.clock.now();
    rig.presence.attached(BOB);
    await rig.presence.whenKnown(BOB);
    const [ann, bob] = [
      { uid: ANN, activeStatus: 1, lastOptTime: at - 1000 },
      { uid: BOB, activeStatus: 1, lastOptTime: at },
    ];
    expect(shown(BOB)).toEqual([
      { changeList: [ann, bob], onlineNum: 1 },
      { changeList: [bob], onlineNum: 2, complete: true },
    ]);
    expect(shown(undefined)).toEqual([{ changeList: [], onlineNum: 2, complete: true }]);
  });

  test("GW-82: is not told of rooms in which they are alone", async () => {
    rig.presence.attached(ANN);
    await rig.presence.whenKnown(ANN);
    expect(named(ANN)).toEqual([[ANN]]);
  });

  test("GW-82: is told of 2 000 people at most, the rooms with the newest activity first, and that these are not all", async () => {
    rig.rooms = Array.from({ length: 5 }, (_, i) => ({ roomId: 10 + i, memberCount: 500 }));
    for (let uid = ANN; uid < ANN + 500; uid++) rig.presence.attached(uid);
    await rig.presence.whenKnown(ANN + 499);
    expect([shown(ANN).length, shown(ANN).at(-1)?.complete]).toEqual([5, false]);
    rig.presence.onEvent(rig.event("room:10", Push.MESSAGE, {}));
    const told = (uid: number) => rig.presence.snapshotFor(uid, 1_000_000).slice(0, -1);
    const first = told(ANN);
    rig.rooms = [{ roomId: 10, memberCount: 500 }];
    rig.presence.attached(ANN + 500);
    await rig.presence.whenKnown(ANN + 500);
    expect(told(ANN + 500)).toEqual([first[0] as string]);
  });

  test("GW-82: direct rooms come first, and with them friends, however long ago anything happened there", async () => {
    const rooms = Array.from({ length: 4 }, (_, i) => ({ roomId: 20 + i, memberCount: 500 }));
    rig.rooms = rooms;
    for (let uid = ANN; uid < ANN + 500; uid++) rig.presence.attached(uid);
    await rig.presence.whenKnown(ANN + 499);
    // Of the two who come now each has a direct room with the other, which is the oldest of their rooms.
    rig.rooms = [...rooms, { roomId: 8, memberCount: 2, isDirect: true } as (typeof rooms)[0]];
    for (const uid of [BOB + 1000, BOB + 1001]) rig.presence.attached(uid);
    await rig.presence.whenKnown(BOB + 1001);
    const [first, ...others] = named(BOB + 1000);
    expect(first).toEqual([BOB + 1000, BOB + 1001]);
    expect([others.length, shown(BOB + 1000).at(-1)?.complete]).toEqual([4, false]);
  });

  test("GW-82: is told no more than fits, and that this is not all", async () => {
    rig.rooms.push({ roomId: 8, memberCount: 2 });
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.presence.whenKnown(BOB);
    const [first] = rig.presence.snapshotFor(BOB, 1_000_000);
    expect(shown(BOB, first?.length).map(({ changeList, complete }) => [changeList.length, complete])).toEqual([
      [2, undefined],
      [1, false],
    ]);
  });

  test("GW-68: all who begin to read a room get the same frame, until something changes", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.presence.whenKnown(BOB);
    await rig.pass(1000);
    const parse = jest.spyOn(Array.prototype, "join");
    const made = () => parse.mock.calls.filter(([by]) => by === ",").length;
    for (let i = 0; i < 10; i++) rig.presence.snapshotFor(i % 2 ? ANN : BOB, 1_000_000);
    expect(made()).toBe(1);
    rig.presence.detached(ANN);
    await rig.pass(6000);
    parse.mockClear();
    for (let i = 0; i < 10; i++) rig.presence.snapshotFor(BOB, 1_000_000);
    expect(made()).toBe(0);
    parse.mockRestore();
  });
});

describe("after a stop", () => {
  test("nothing is told, no grace runs, and none begins", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    rig.presence.detached(ANN);
    rig.stop();
    rig.presence.detached(BOB);
    expect(jest.getTimerCount()).toBe(0);
    await rig.pass(60_000);
    expect([rig.told, rig.presence.count]).toEqual([[], 2]);
  });

  test("what was asked for before is not told", async () => {
    const slow = Promise.withResolvers<void>();
    rig.ask = () => slow.promise;
    rig.presence.attached(ANN);
    await rig.pass(1000);
    rig.stop();
    slow.resolve();
    await rig.pass(1000);
    expect([rig.states(), rig.failures]).toEqual([[], []]);
  });
});
