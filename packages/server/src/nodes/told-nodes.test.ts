import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { MemoryBus } from "../bus/memory-bus.ts";
import { LivingNodes } from "./liveness.ts";
import { ToldNodes } from "./told-nodes.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];

beforeEach(() => jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Nodes that know each other, and hand the log on when a test lets them. */
function among(ids: readonly string[]) {
  const memory = new MemoryBus();
  const nodes = ids.map((self) => {
    const living = new LivingNodes();
    for (const other of ids) if (other !== self) living.up(other);
    const bus = memory.open(self);
    const asked: { upTo: number; resolve: () => void; reject: (error: Error) => void }[] = [];
    const errors: unknown[] = [];
    const whenAnnounced = (upTo: number) =>
      new Promise<void>((resolve, reject) => void asked.push({ upTo, resolve, reject }));
    const told = new ToldNodes({
      ...{ bus, liveness: living, announcer: { whenAnnounced } },
      onError: (error) => errors.push(error),
    });
    return { living, bus, asked, errors, told, stop: told.start() };
  });
  return nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]];
}

async function isDone(promise: Promise<void>): Promise<boolean> {
  let done = false;
  void promise.then(() => {
    done = true;
  });
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return done;
}

test("NODE-5: what is over everywhere is so once each other node has handed it on", async () => {
  const [a, b, c] = among([A, B, C]);
  const told = a.told.whenTold(7);
  expect(await isDone(told)).toBe(false);
  expect([b, c].map(({ asked }) => asked.map(({ upTo }) => upTo))).toEqual([[7], [7]]);
  b.asked[0]?.resolve();
  expect(await isDone(told)).toBe(false);
  c.asked[0]?.resolve();
  expect(await isDone(told)).toBe(true);
  expect(jest.getTimerCount()).toBe(0);
});

test("NODE-5: an answer counts for all who asked for no more, and for nobody who asked for more", async () => {
  const [a, b] = among([A, B]);
  const [seven, eight, nine] = [7, 8, 9].map((upTo) => a.told.whenTold(upTo)) as [
    Promise<void>,
    Promise<void>,
    Promise<void>,
  ];
  expect(await isDone(seven)).toBe(false);
  b.asked[1]?.resolve();
  expect([await isDone(seven), await isDone(eight), await isDone(nine)]).toEqual([true, true, false]);
  b.bus.publish({ channel: "live", data: { kind: "told", upTo: "9" } });
  b.bus.publish({ channel: "live", data: { kind: "told" } });
  b.bus.publish({ channel: "live", data: null });
  expect(await isDone(nine)).toBe(false);
  b.bus.publish({ channel: "live", data: { kind: "told", upTo: 9 } });
  expect(await isDone(nine)).toBe(true);
});

test("NODE-5: a node that repeats itself does not answer for another one", async () => {
  const [a, b, c] = among([A, B, C]);
  const told = a.told.whenTold(7);
  for (let time = 0; time < 2; time++) b.bus.publish({ channel: "live", data: { kind: "told", upTo: 7 } });
  expect(await isDone(told)).toBe(false);
  c.bus.publish({ channel: "live", data: { kind: "told", upTo: 7 } });
  expect(await isDone(told)).toBe(true);
});

test("NODE-5: a node that is silent is waited for a second, and one that dies no longer", async () => {
  const [a] = among([A, B, C]);
  const late = a.told.whenTold(7);
  a.living.down(B);
  jest.advanceTimersByTime(999);
  expect(await isDone(late)).toBe(false);
  jest.advanceTimersByTime(1);
  expect(await isDone(late)).toBe(true);
  const dead = a.told.whenTold(8);
  expect(await isDone(dead)).toBe(false);
  a.living.down(C);
  expect(await isDone(dead)).toBe(true);
  expect(await isDone(a.told.whenTold(9))).toBe(true);
});

test("NODE-5: a node that cannot hand it on says nothing, and one that has stopped answers nobody", async () => {
  const [a, b] = among([A, B]);
  const told = a.told.whenTold(7);
  await isDone(told);
  b.asked[0]?.reject(new Error("the database is away"));
  expect(await isDone(told)).toBe(false);
  expect(b.errors).toEqual([new Error("the database is away")]);
  b.stop();
  void a.told.whenTold(8);
  await isDone(told);
  expect(b.asked).toHaveLength(1);
});
