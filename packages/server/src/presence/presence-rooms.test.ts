import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ANN, BOB, PresenceRig } from "../../test/presence-rig.ts";

let rig: PresenceRig;
beforeEach(() => {
  jest.useFakeTimers();
  rig = new PresenceRig();
});
afterEach(() => {
  rig.stop();
  jest.useRealTimers();
});

describe("a room that grows and shrinks", () => {
  const crowd = Array.from({ length: 499 }, (_, i) => 30_000 + i);

  test("GW-83: is told nothing by name beyond 500 members, and everything that was missed when it is small again", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    rig.told.length = 0;
    rig.presence.onEvent(rig.moved("room:7", 1, crowd));
    rig.presence.detached(BOB);
    await rig.pass(6000);
    expect([rig.states(), named(ANN)]).toEqual([[], [ANN]]);
    rig.presence.onEvent(rig.moved("room:7", 2, crowd.slice(0, 1)));
    await rig.pass(1000);
    expect(rig.states().map((one) => one.sort())).toEqual([
      [
        [ANN, 1],
        [BOB, 2],
      ],
    ]);
  });

  test("GW-83: nothing of people who leave it while its members are read", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    rig.presence.onEvent(rig.moved("room:7", 1, crowd));
    rig.presence.detached(BOB);
    await rig.pass(6000);
    rig.told.length = 0;
    rig.askMembers = async () => rig.presence.onEvent(rig.moved("room:7", 2, [BOB]));
    rig.presence.onEvent(rig.moved("room:7", 2, crowd));
    await rig.pass(1000);
    expect(rig.states()).toEqual([[[ANN, 1]]]);
  });

  test("GW-83: what could not be read is read with the next round", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    rig.presence.onEvent(rig.moved("room:7", 1, crowd));
    rig.presence.detached(BOB);
    await rig.pass(6000);
    rig.told.length = 0;
    rig.askMembers = async () => {
      throw new Error("busy");
    };
    rig.presence.onEvent(rig.moved("room:7", 2, crowd));
    await rig.pass(1000);
    rig.askMembers = async () => {};
    await rig.pass(1000);
    expect([rig.states(), rig.failures.length]).toEqual([[[[ANN, 1]], [[BOB, 2]]], 1]);
  });

  describe("over and over", () => {
    const [last] = crowd.slice(-1) as [number];
    const cross = () => {
      rig.presence.onEvent(rig.moved("room:7", 1, [last]));
      rig.presence.onEvent(rig.moved("room:7", 2, [last]));
    };
    const complete = () => JSON.parse(rig.presence.snapshotFor(ANN, 1_000_000).at(-1) as string).data.complete;
    beforeEach(async () => {
      rig.presence.attached(ANN);
      rig.presence.attached(BOB);
      await rig.pass(1000);
      rig.presence.onEvent(rig.moved("room:7", 1, crowd.slice(1)));
      await rig.pass(1000);
      rig.told.length = 0;
    });

    test("GW-83: is told everything once in a minute at most, and in the end what is so then", async () => {
      cross();
      await rig.pass(1000);
      expect(rig.states()).toHaveLength(1);
      for (let second = 0; second < 58; second++) {
        cross();
        if (second === 30) rig.presence.detached(BOB);
        await rig.pass(1000);
      }
      expect([rig.states().length, complete(), named(ANN)]).toEqual([1, false, [ANN]]);
      await rig.pass(2000);
      expect([rig.states().length, complete(), named(ANN)]).toEqual([2, true, [ANN]]);
      expect(rig.states()[1]?.sort()).toEqual([
        [ANN, 1],
        [BOB, 2],
      ]);
    });

    test("GW-83: is told so once, however long it stays small", async () => {
      cross();
      await rig.pass(1000);
      cross();
      for (let second = 0; second < 58; second++) await rig.pass(1000);
      expect(rig.states()).toHaveLength(1);
      await rig.pass(1000);
      expect(rig.states()).toHaveLength(2);
      for (let second = 0; second < 130; second++) await rig.pass(1000);
      expect(rig.states()).toHaveLength(2);
    });

    test("GW-83: is told nothing while it is large, also where its minute has passed meanwhile", async () => {
      cross();
      await rig.pass(1000);
      cross();
      rig.presence.onEvent(rig.moved("room:7", 1, [last]));
      await rig.pass(70_000);
      expect([rig.states().length, named(ANN)]).toEqual([1, [ANN]]);
      rig.presence.onEvent(rig.moved("room:7", 2, [last]));
      await rig.pass(1000);
      expect([rig.states().length, named(ANN).sort()]).toEqual([2, [ANN, ANN, BOB]]);
    });
  });

  const named = (uid: number) =>
    rig.presence
      .snapshotFor(uid, 1_000_000)
      .flatMap((frame) => JSON.parse(frame).data.changeList.map((one: { uid: number }) => one.uid));
});

describe("somebody who comes into a room", () => {
  test("GW-84: is told of, whether they are online or have gone", async () => {
    rig.presence.attached(BOB);
    rig.rooms = [];
    rig.presence.attached(BOB + 1);
    await rig.pass(1000);
    rig.presence.detached(BOB + 1);
    await rig.pass(6000);
    rig.rooms = [{ roomId: 7, memberCount: 1 }];
    rig.presence.attached(ANN);
    await rig.pass(1000);
    rig.told.length = 0;
    rig.presence.onEvent(rig.moved("room:7", 1, [BOB, BOB + 1, BOB + 2]));
    await rig.pass(1000);
    expect(rig.states()).toEqual([
      [
        [BOB, 1],
        [BOB + 1, 2],
      ],
    ]);
  });

  test("GW-84: and leaves it is not told of any more, and nobody is after the room has ended", async () => {
    rig.presence.attached(ANN);
    rig.presence.attached(BOB);
    await rig.pass(1000);
    rig.told.length = 0;
    rig.presence.onEvent(rig.moved("room:7", 2, [BOB]));
    rig.presence.detached(BOB);
    await rig.pass(6000);
    expect(rig.states()).toEqual([]);
    rig.presence.onEvent(rig.event("room:7", Push.ROOM, { roomId: 7, dissolved: true }));
    rig.presence.detached(ANN);
    await rig.pass(6000);
    expect(rig.states()).toEqual([]);
  });
});

test("GW-80: others get their turn after 5 000 rooms of a round, and all of them are told", async () => {
  rig.rooms = Array.from({ length: 10_001 }, (_, index) => ({ roomId: 100 + index, memberCount: 2 }));
  const toldBefore: number[] = [];
  rig.turn = async () => void toldBefore.push(rig.told.filter(({ stream }) => stream !== "room:1").length);
  rig.presence.attached(ANN);
  await rig.pass(1000);
  expect(toldBefore).toEqual([5000, 10_000]);
  expect(new Set(rig.told.map(({ stream }) => stream)).size).toBe(10_001 + 1);
});
