import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import type { OpenBus } from "../bus/bus.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { Greetings } from "./greetings.ts";
import { LivingNodes } from "./liveness.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];

beforeEach(() => jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const settle = async () => {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
};

/** A node that looks at the leases when a test lets it. */
function nodeOn(memory: MemoryBus, self: string) {
  const living = new LivingNodes();
  const bus: OpenBus = memory.open(self);
  const heard: unknown[] = [];
  bus.subscribe((message) => void heard.push((message as { data: unknown }).data));
  const restored = new Set<() => void>();
  let looks = 0;
  /** What it finds. */
  let found: readonly string[] = [];
  let held: Promise<void> | undefined;
  const names: Record<string, string> = {};
  const greetings = new Greetings({
    self,
    liveness: living,
    bus: {
      publish: (message) => bus.publish(message),
      subscribe: (listener) => bus.subscribe(listener),
      onRestored: (listener) => {
        restored.add(listener);
        return () => void restored.delete(listener);
      },
    },
    look: async () => {
      looks += 1;
      await held;
      for (const node of found) living.up(node);
    },
    name: `host:${self[0]}`,
    onName: (node, name) => {
      names[node] = name;
    },
  });
  return {
    ...{ living, bus, greetings, heard, restored, names, stop: greetings.start() },
    finds: (...nodes: string[]) => {
      found = nodes;
    },
    hold: (until: Promise<void>) => {
      held = until;
    },
    restore: () => {
      for (const listener of [...restored]) listener();
    },
    get looks() {
      return looks;
    },
  };
}

/** Whether it has been greeted by now. */
async function isDone(greeted: Promise<void>): Promise<boolean> {
  let done = false;
  void greeted.then(() => {
    done = true;
  });
  await settle();
  return done;
}

test("PG-13: a node that begins is known once all others have looked at the leases, each of them", async () => {
  const memory = new MemoryBus();
  const [a, b, c] = [nodeOn(memory, A), nodeOn(memory, B), nodeOn(memory, C)];
  for (const node of [B, C]) a.living.up(node);
  const { promise, resolve } = Promise.withResolvers<void>();
  c.hold(promise);
  for (const other of [b, c]) other.finds(A);
  const greeted = a.greetings.greet();
  expect(await isDone(greeted)).toBe(false);
  expect([b.looks, c.looks]).toEqual([1, 1]);
  resolve();
  expect(await isDone(greeted)).toBe(true);
  expect(a.restored.size).toBe(1);
  jest.advanceTimersByTime(1000);
  expect([b.looks, c.looks]).toEqual([1, 1]);
});

test("PG-13: a node that does not answer is waited for a second, and so is one that does not find the new one", async () => {
  const memory = new MemoryBus();
  const [a, b] = [nodeOn(memory, A), nodeOn(memory, B)];
  a.living.up(B);
  const greeted = a.greetings.greet();
  await settle();
  expect(b.looks).toBe(1);
  jest.advanceTimersByTime(999);
  expect(await isDone(greeted)).toBe(false);
  jest.advanceTimersByTime(1);
  expect(await isDone(greeted)).toBe(true);
  expect(a.heard).toEqual([]);
});

test("PG-13: an answer to another new node does not count", async () => {
  const memory = new MemoryBus();
  const a = nodeOn(memory, A);
  const b = memory.open(B);
  a.living.up(B);
  const greeted = a.greetings.greet();
  b.publish({ channel: "live", data: { kind: "known", to: C } });
  for (const data of [null, "known", ["known"], { kind: "known" }]) b.publish({ channel: "live", data });
  b.publish({ channel: "log", events: [], upTo: 1 });
  expect(await isDone(greeted)).toBe(false);
  b.publish({ channel: "live", data: { kind: "known", to: A } });
  expect(await isDone(greeted)).toBe(true);
});

test("PG-13: a node that begins alone waits for nobody", async () => {
  const memory = new MemoryBus();
  const [a, b] = [nodeOn(memory, A), nodeOn(memory, B)];
  expect(await isDone(a.greetings.greet())).toBe(true);
  expect(b.looks).toBe(0);
});

test("PG-13: a bus that begins to work meanwhile carries the greeting then", async () => {
  const memory = new MemoryBus();
  const a = nodeOn(memory, A);
  a.living.up(B);
  const greeted = a.greetings.greet();
  await settle();
  const b = nodeOn(memory, B);
  b.finds(A);
  expect(await isDone(greeted)).toBe(false);
  a.restore();
  expect(await isDone(greeted)).toBe(true);
});

test("PG-13: a bus that works again has lost greetings, so the leases are looked at", async () => {
  const a = nodeOn(new MemoryBus(), A);
  a.restore();
  expect(a.looks).toBe(1);
  a.stop();
  a.restore();
  expect(a.looks).toBe(1);
});

test("NODE-9: a goodbye has the others look at the leases at once, unless they do not know who says it", async () => {
  const memory = new MemoryBus();
  const [a, b, c] = [nodeOn(memory, A), nodeOn(memory, B), nodeOn(memory, C)];
  b.living.up(A);
  a.greetings.bye();
  await settle();
  expect([b.looks, c.looks]).toEqual([1, 0]);
  b.stop();
  a.greetings.bye();
  await settle();
  expect(b.looks).toBe(1);
});

test("BUS-11: a node whose lease says something new writes that first, and then the others that know it look at the leases", async () => {
  const memory = new MemoryBus();
  const [a, b, c] = [nodeOn(memory, A), nodeOn(memory, B), nodeOn(memory, C)];
  b.living.up(A);
  const { promise, resolve } = Promise.withResolvers<void>();
  a.hold(promise);
  a.greetings.allLook();
  await settle();
  expect([a.looks, b.looks, c.looks]).toEqual([1, 0, 0]);
  resolve();
  await settle();
  expect([a.looks, b.looks, c.looks]).toEqual([1, 1, 0]);
  // Nobody could hear it while the bus did not work.
  a.restore();
  await settle();
  expect([a.looks, b.looks, c.looks]).toEqual([2, 2, 0]);
});

test("NODE-9: nodes learn by greetings what people call the others, those that were there before them included", async () => {
  const memory = new MemoryBus();
  const [a, b, c] = [nodeOn(memory, A), nodeOn(memory, B), nodeOn(memory, C)];
  for (const node of [B, C]) a.living.up(node);
  b.living.up(C);
  for (const other of [b, c]) other.finds(A);
  await a.greetings.greet();
  await settle();
  expect(a.names).toEqual({ [B]: "host:b", [C]: "host:c" });
  // C does not know B, whom it does not believe therefore.
  expect([b.names, c.names]).toEqual([{ [A]: "host:a", [C]: "host:c" }, { [A]: "host:a" }]);
  for (const name of [5, "x".repeat(129), undefined]) {
    b.bus.publish({ channel: "live", data: { kind: "known", to: C, name } });
    await settle();
  }
  expect(a.names[B]).toBe("host:b");
});
