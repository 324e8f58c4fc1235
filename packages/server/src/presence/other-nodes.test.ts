import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { PresenceWorld } from "../../test/presence-nodes-rig.ts";
import { nextTurn } from "../lib/interval.ts";
import { NodeChannel } from "../nodes/channel.ts";
import { LivingNodes } from "../nodes/liveness.ts";
import { CHUNKS_AT_ONCE } from "./people-log.ts";
import { watchingPresence } from "./watching-presence.ts";

const [ANN, BEN] = [20_000, 20_001];

beforeEach(() => jest.useFakeTimers());
afterEach(() => jest.useRealTimers());

/** Nodes that know each other. */
async function among(count: number, run: (world: PresenceWorld) => Promise<void>): Promise<void> {
  using world = new PresenceWorld(1);
  for (let i = 0; i < count; i++) world.add();
  await world.pass(1000);
  await run(world);
}

const onlineOn = ({ nodes }: PresenceWorld, uid: number) => nodes.map(({ presence }) => presence.isOnline(uid));

describe("people on several nodes", () => {
  test("NODE-2: are online while a connection on any node lives, and for the grace after the last one", () =>
    among(2, async (world) => {
      const [a, b] = world.nodes;
      a?.attach(ANN);
      await world.pass(200);
      expect(onlineOn(world, ANN)).toEqual([true, true]);
      b?.attach(ANN);
      a?.detach(ANN);
      await world.pass(20_000);
      expect(onlineOn(world, ANN)).toEqual([true, true]);
      b?.detach(ANN);
      await world.pass(4900);
      expect(onlineOn(world, ANN)).toEqual([true, true]);
      await world.pass(400);
      expect(onlineOn(world, ANN)).toEqual([false, false]);
      for (const { told } of world.nodes) expect(told).toEqual([`+${ANN}`, `-${ANN}`]);
    }));

  test("NODE-2: were never offline if they change nodes within the grace", () =>
    among(3, async (world) => {
      const [a, b, c] = world.nodes;
      for (const [from, to] of [
        [a, b],
        [b, c],
        [c, a],
      ]) {
        from?.attach(ANN);
        await world.pass(1000);
        from?.detach(ANN);
        await world.pass(4000);
        to?.attach(ANN);
        await world.pass(6000);
        to?.detach(ANN);
        await world.pass(1000);
      }
      for (const { told } of world.nodes) expect(told).toEqual([`+${ANN}`]);
    }));

  test("NODE-2: count once", () =>
    among(3, async (world) => {
      for (const node of world.nodes) for (const uid of [ANN, BEN]) node.attach(uid);
      await world.pass(1000);
      expect(world.nodes.map(({ presence }) => presence.count)).toEqual([2, 2, 2]);
    }));

  test("NODE-2: have the same time on every node, and a later one at every change", () =>
    among(2, async (world) => {
      const [a, b] = world.nodes;
      const times = () => world.nodes.map(({ presence }) => presence.stateOf(ANN).lastOptTime);
      let before = 0;
      for (const node of [a, b, a]) {
        for (const act of ["attach", "detach"] as const) {
          node?.[act](ANN);
          await world.pass(6000);
          const [one, two] = times();
          expect(one as number).toBeGreaterThan(before);
          expect(two).toBe(one as number);
          before = one as number;
        }
      }
    }));

  test("NODE-1: are asked for where their node's lease names a version that the bus did not bring", () =>
    among(2, async (world) => {
      const [a, b] = world.nodes;
      if (!a || !b) return;
      world.bus.faults = { ...world.bus.faults, lost: 1 };
      a.attach(ANN);
      await world.pass(1500);
      world.bus.faults = { ...world.bus.faults, lost: 0 };
      const before = world.bus.sent;
      // It was asked a moment ago, when the two met.
      b.others.hearVersion(a.id, a.others.version);
      expect(world.bus.sent).toBe(before);
      world.bus.faults = { ...world.bus.faults, lost: 1 };
      await world.pass(1500);
      world.bus.faults = { ...world.bus.faults, lost: 0 };
      expect(onlineOn(world, ANN)).toEqual([true, false]);
      const version = a.others.version;
      const sent = world.bus.sent;
      b.others.hearVersion("f".repeat(16), version);
      b.others.hearVersion(a.id, version - 1);
      expect(world.bus.sent).toBe(sent);
      b.others.hearVersion(a.id, version);
      b.others.hearVersion(a.id, version);
      expect(world.bus.sent).toBe(sent + 1);
      await world.pass(150);
      expect(onlineOn(world, ANN)).toEqual([true, true]);
    }));

  test("NODE-3: go offline at once when their node dies, unless they are elsewhere", () =>
    among(3, async (world) => {
      const [a, b] = world.nodes;
      a?.attach(ANN);
      a?.attach(BEN);
      b?.attach(BEN);
      await world.pass(1000);
      if (a) world.kill(a);
      await world.pass(50);
      expect(onlineOn(world, ANN)).toEqual([false, false]);
      expect(onlineOn(world, BEN)).toEqual([true, true]);
    }));

  test("NODE-3: go offline with their node, however many they are", () =>
    among(2, async (world) => {
      const [a] = world.nodes;
      for (let uid = 0; uid < 2500; uid++) a?.attach(20_000 + uid);
      await world.pass(3000);
      expect(world.nodes[1]?.presence.count).toBe(2500);
      if (a) world.kill(a);
      jest.useRealTimers();
      for (let turn = 0; turn < 10; turn++) await nextTurn();
      expect(world.nodes[0]?.presence.count).toBe(0);
    }));

  test("NODE-3: whose node stops in order stay online as long as a drain promises", () =>
    among(2, async (world) => {
      const [a] = world.nodes;
      a?.attach(ANN);
      await world.pass(1000);
      a?.presence.lengthenGrace(12_000);
      a?.detach(ANN);
      a?.end({ says: true });
      world.nodes = world.nodes.slice(1);
      await world.pass(100);
      for (const { living } of world.nodes) living.down(a?.id ?? "");
      await world.pass(11_000);
      expect(onlineOn(world, ANN)).toEqual([true]);
      await world.pass(1200);
      expect(onlineOn(world, ANN)).toEqual([false]);
    }));
});

test("NODE-2: a process that serves nobody is told who comes and goes on all nodes", () =>
  among(2, async (world) => {
    const [a, b] = world.nodes;
    const self = "0".repeat(16);
    const liveness = new LivingNodes();
    const channel = new NodeChannel({ self, bus: world.bus.open(self), liveness }, () => {});
    const { presence, start } = watchingPresence({ channel, clock: world.clock, onError: () => {} });
    const told: string[] = [];
    presence.watch(({ uid, activeStatus }) => told.push(`${uid} ${activeStatus}`));
    const stops = [channel.start(), start()];
    for (const { id, living } of world.nodes) {
      liveness.up(id);
      living.up(self);
    }
    a?.attach(ANN);
    b?.attach(ANN);
    b?.attach(BEN);
    await world.pass(1000);
    expect(presence.count).toBe(2);
    b?.detach(BEN);
    a?.detach(ANN);
    await world.pass(6000);
    expect(told).toEqual([`${ANN} 1`, `${BEN} 1`, `${BEN} 2`]);
    for (const stop of stops) stop();
  }));

describe("what a node missed", () => {
  test("NODE-1: the loss of the last message is noticed within 3 s", () =>
    among(2, async (world) => {
      const [a] = world.nodes;
      world.bus.faults = { lost: 1, repeated: 0, reordered: 0 };
      a?.attach(ANN);
      await world.pass(150);
      world.bus.faults = { lost: 0, repeated: 0, reordered: 0 };
      await world.pass(3300);
      expect(onlineOn(world, ANN)).toEqual([true, true]);
    }));

  test("NODE-2: no node tells an earlier time than another one has told before, though its clock is behind and it has just begun", () =>
    among(1, async (world) => {
      const [a] = world.nodes;
      a?.attach(ANN);
      a?.detach(ANN);
      await world.pass(6000);
      const went = a?.presence.stateOf(ANN);
      expect(went).toMatchObject({ uid: ANN, activeStatus: 2 });
      world.clock.advance(-3_600_000);
      const b = world.add();
      await world.pass(500);
      b.attach(ANN);
      expect(b.presence.cameAt(ANN)).toBeGreaterThanOrEqual(went?.lastOptTime ?? Number.NaN);
      // A clock that is far ahead is not believed for ever.
      b.presence.heard(world.clock.now() + 90 * 86_400_000);
      expect(b.presence.latest).toBeLessThanOrEqual(world.clock.now() + 86_400_000 + 3_600_000);
    }));

  test("NODE-1: what a dead node said comes too late", () =>
    among(2, async (world) => {
      const [a] = world.nodes;
      a?.attach(ANN);
      world.bus.faults = { lost: 0, repeated: 0, reordered: 1 };
      await world.pass(150);
      if (a) world.kill(a);
      world.bus.faults = { lost: 0, repeated: 0, reordered: 0 };
      await world.pass(5000);
      expect(onlineOn(world, ANN)).toEqual([false]);
    }));

  test("NODE-1: a node that joins learns of everybody; no message exceeds 7 KB", () =>
    among(1, async (world) => {
      const [a] = world.nodes;
      const count = 100 * CHUNKS_AT_ONCE * 2 + 50;
      for (let uid = 0; uid < count; uid++) a?.attach(1_000_000_000 + uid);
      const b = world.add();
      await world.pass(3000);
      expect(b.presence.count).toBe(count);
      expect(world.bus.longest).toBeLessThan(7 * 1024);
      expect(a?.others.isBehind).toBe(false);
    }));

  test("NODE-1: nobody seems to be gone while everything is told anew", () =>
    (async () => {
      using world = new PresenceWorld(1, 4);
      const [a, b] = [world.add(), world.add()];
      const people = Array.from({ length: 300 }, (_, i) => 20_000 + i);
      for (const uid of people) a.attach(uid);
      await world.pass(2000);
      world.bus.faults = { lost: 1, repeated: 0, reordered: 0 };
      for (const uid of people.slice(0, 20)) a.detach(uid);
      await world.pass(6000);
      world.bus.faults = { lost: 0, repeated: 0, reordered: 0 };
      await world.pass(4000);
      expect(b.presence.count).toBe(280);
      const gone = b.told.filter((change) => change.startsWith("-"));
      expect(gone.sort()).toEqual(
        people
          .slice(0, 20)
          .map((uid) => `-${uid}`)
          .sort(),
      );
    })());

  test("NODE-1: a reader that begins meanwhile is told that not everybody may be named", () =>
    among(2, async (world) => {
      const [a, b] = world.nodes;
      b?.presence.setPartial(() => b.others.isBehind);
      b?.attach(BEN);
      await world.pass(1000);
      const isComplete = () => JSON.parse(b?.presence.snapshotFor(BEN, 1_000_000).at(-1) ?? "").data.complete;
      expect(isComplete()).toBe(true);
      const faults = (lost: number) => {
        world.bus.faults = { lost, repeated: 0, reordered: 0 };
      };
      faults(1);
      a?.attach(ANN);
      await world.pass(150);
      faults(0);
      a?.attach(ANN + 7);
      // The news has come, and what lies before it has not.
      await world.pass(100);
      expect([b?.others.isBehind, isComplete()]).toEqual([true, false]);
      let caughtUp = false;
      void b?.others.whenCaughtUp(5000).then(() => {
        caughtUp = true;
      });
      await world.pass(50);
      await world.pass(300);
      expect([caughtUp, isComplete()]).toEqual([true, true]);
    }));

  test.each([1, 2])(
    "NODE-1: a node that begins while somebody comes to one of %d others does not count them as absent",
    (others) =>
      among(others, async (world) => {
        const [a] = world.nodes;
        // Known to a node that is alone, and told by one that is not a moment later.
        a?.attach(ANN);
        const begins = world.add();
        for (let left = 1000; begins.others.isBehind && left > 0; left -= 10) await world.pass(10, 10);
        expect([begins.others.isBehind, begins.presence.isOnline(ANN)]).toEqual([false, true]);
      }),
  );

  test("NODE-1: a node that cannot learn of another one waits no longer than it may", () =>
    among(2, async (world) => {
      const [a, b] = world.nodes;
      // The other one is known, and this one never answers.
      b?.living.up("f".repeat(16));
      a?.attach(ANN);
      let over = false;
      void b?.others.whenCaughtUp(2000).then(() => {
        over = true;
      });
      await world.pass(1900);
      expect(over).toBe(false);
      await world.pass(200);
      expect(over).toBe(true);
    }));

  test("NODE-1: a node that was asked before it could hear says at its start what it has", () =>
    among(1, async (world) => {
      const [a] = world.nodes;
      const self = "0".repeat(16);
      a?.living.up(self);
      await world.pass(500);
      expect(a?.others.isBehind).toBe(true);
      const liveness = new LivingNodes();
      liveness.up(a?.id ?? "");
      const channel = new NodeChannel({ self, bus: world.bus.open(self), liveness }, () => {});
      const stops = [channel.start(), watchingPresence({ channel, clock: world.clock, onError: () => {} }).start()];
      await world.pass(100);
      expect(a?.others.isBehind).toBe(false);
      for (const stop of stops) stop();
    }));

  test("NODE-1: a node that dies is not waited for", () =>
    among(2, async (world) => {
      const [, b] = world.nodes;
      b?.living.up("f".repeat(16));
      let over = false;
      void b?.others.whenCaughtUp(2000).then(() => {
        over = true;
      });
      await world.pass(100);
      expect(over).toBe(false);
      b?.living.down("f".repeat(16));
      await world.pass(50);
      expect(over).toBe(true);
    }));

  test("NODE-1: only the node that is asked answers", () =>
    among(3, async (world) => {
      const [a, b, c] = world.nodes;
      // Other versions than those of the others, so that somebody else's answer would be of no use.
      for (let n = 0; n < 5; n++) c?.attach(BEN + n);
      await world.pass(200);
      world.bus.faults = { lost: 1, repeated: 0, reordered: 0 };
      a?.attach(ANN);
      await world.pass(150);
      world.bus.faults = { lost: 0, repeated: 0, reordered: 0 };
      const before = world.bus.answered.length;
      await world.pass(3500);
      expect(b?.presence.isOnline(ANN)).toBe(true);
      expect(new Set(world.bus.answered.slice(before))).toEqual(new Set([a?.id ?? ""]));
    }));

  test("NODE-1: somebody who polls again and again is not told of again and again", () =>
    among(2, async (world) => {
      const [a] = world.nodes;
      a?.attach(ANN);
      await world.pass(1000);
      const before = world.bus.sent;
      for (let i = 0; i < 20; i++) {
        a?.presence.own.loadChanged(ANN);
        await world.pass(100);
      }
      // Two nodes repeat their version once in 3 s.
      expect(world.bus.sent - before).toBeLessThanOrEqual(2);
    }));
});
