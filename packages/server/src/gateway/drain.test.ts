import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { Push } from "@parley/protocol";
import { Connection } from "./connection.ts";
import { Drain } from "./drain.ts";

const START_MS = 1000;
let now: number;
beforeEach(() => {
  now = START_MS;
  jest.useFakeTimers();
  spyOn(performance, "now").mockImplementation(() => now);
});
afterEach(() => {
  jest.useRealTimers();
  jest.restoreAllMocks();
});

/** Lets time pass; the drain looks every 20 ms. */
async function pass(ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 10) {
    now += 10;
    jest.advanceTimersByTime(10);
  }
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
}

interface Scene {
  readonly count: number;
  readonly spreadMs: number;
  /** Whether the pace is the usual one; otherwise all of `spreadMs` is used, however few the connections are. */
  readonly inProportion?: boolean;
  readonly othersServe?: boolean;
  /** That of every second connection. */
  readonly transport?: "websocket" | "sse";
}

/** `count` connections and their drain; what each is told and how it ends is kept. */
function scene({ count, spreadMs, inProportion = false, othersServe = false, transport = "websocket" }: Scene) {
  const told: { name: number; type: number; data: { retryAfterMs: number; cursor: string } }[] = [];
  const retries: number[] = [];
  const closes: [name: number, code: number, atMs: number][] = [];
  const graces: number[] = [];
  const connections = Array.from({ length: count }, (_, name) => {
    const connection = new Connection({ id: `${name}` } as never);
    connection.opened({
      transport: name % 2 === 1 ? transport : "websocket",
      send: (frame: string) => void told.push({ name, ...JSON.parse(frame) }),
      retryAfter: (ms: number) => void retries.push(ms),
      close: (code: number) => {
        closes.push([name, code, now - START_MS]);
        connection.ended();
      },
      getBufferedAmount: () => 0,
    } as never);
    return connection;
  });
  const open = () => connections.filter(({ closed }) => !closed);
  const hub = {
    all: open,
    get size() {
      return open().length;
    },
  };
  const presence = { lengthenGrace: (ms: number) => void graces.push(ms) };
  const pace = inProportion ? {} : { closesPerSecond: 0.1 };
  const others = { othersServe: () => othersServe };
  const drain = new Drain({ hub: hub as never, presence, cursorNow: () => "e;*@7", spreadMs, ...pace, ...others });
  return { drain, connections, told, retries, closes, graces };
}

/** Whether the drain is over by now. */
function watched(drain: Drain): { isOver: boolean } {
  const state = { isOver: false };
  void drain.run().then(() => {
    state.isOver = true;
  });
  return state;
}

test("DR-1: every connection gets one DRAIN at once, and is closed with 1012 at a moment of its own, evenly spread", async () => {
  const { drain, told, closes } = scene({ count: 4, spreadMs: 4000 });
  const state = watched(drain);
  expect(told.map(({ name, type }) => [name, type])).toEqual([0, 1, 2, 3].map((name) => [name, Push.DRAIN]));
  await pass(990);
  expect(closes).toEqual([]);
  await pass(3010);
  expect(closes.map(([name, code]) => [name, code])).toEqual([0, 1, 2, 3].map((name) => [name, 1012]));
  for (const [name, , atMs] of closes) expect(atMs).toBeWithin((name + 1) * 1000, (name + 1) * 1000 + 21);
  expect(told).toHaveLength(4);
  expect(state.isOver).toBe(true);
});

test.each([
  [1, 2],
  [50, 100],
  [500, 1000],
  [5000, 10_000],
  [6000, 10_000],
])("DR-1: the drain is in proportion: %d connections are closed within %d ms", async (count, endsMs) => {
  const { drain, closes, told, graces } = scene({ count, spreadMs: 10_000, inProportion: true });
  const state = watched(drain);
  expect(graces).toEqual([20_000]);
  expect(drain.refusal()).toMatchObject({ retryAfterMs: endsMs + 3000 });
  expect(told.map(({ data }) => data.retryAfterMs).at(-1)).toBe(3000 + count - 1);
  await pass(endsMs - 10);
  expect(closes.length).toBeLessThan(count);
  await pass(40);
  expect([closes.length, state.isOver]).toEqual([count, true]);
});

test("DR-4: the time to come back counts from the close, covers the rest of the drain and a restart, and spreads the returns", () => {
  const { drain, told, retries } = scene({ count: 4, spreadMs: 4000 });
  watched(drain);
  // What is left of the drain after the close, 3 s for another process to start, and 1 ms for each one before.
  const expected = [3000 + 3000, 2000 + 3000 + 1, 1000 + 3000 + 2, 3000 + 3];
  expect(told.map(({ data }) => data.retryAfterMs)).toEqual(expected);
  expect(retries).toEqual(expected);
});

test("DR-4: where other nodes serve, a WebSocket comes back at once, at most a thousand a second in all; an event stream waits as usual", () => {
  const { drain, told } = scene({ count: 4, spreadMs: 4000, othersServe: true, transport: "sse" });
  watched(drain);
  expect(told.map(({ data }) => data.retryAfterMs)).toEqual([0, 2000 + 3000 + 1, 0, 3000 + 3]);

  const many = scene({ count: 20_000, spreadMs: 10_000, inProportion: true, othersServe: true });
  watched(many.drain);
  const returns = many.told.map(({ data }, index) => (10_000 * (index + 1)) / 20_000 + data.retryAfterMs);
  expect(returns[0]).toBeLessThan(2);
  expect(returns.at(-1)).toBeWithin(19_999, 20_002);
});

test("DR-5: DRAIN has the cursor behind what was sent before: the present one, or that of a connection that is catching up", () => {
  const { drain, connections, told } = scene({ count: 2, spreadMs: 1000 });
  const catchingUp = { kind: "catching-up", login: undefined, cursor: () => "e;*@3", done: Promise.resolve() };
  (connections[1] as Connection).state = catchingUp as never;
  watched(drain);
  expect(told.map(({ data }) => data.cursor)).toEqual(["e;*@7", "e;*@3"]);
});

test("DR-3: new work is refused from the beginning of the drain, until another process may answer", async () => {
  const { drain } = scene({ count: 2, spreadMs: 2000 });
  expect(drain.refusal()).toBeUndefined();
  watched(drain);
  expect(drain.refusal()).toMatchObject({ code: "draining", retryAfterMs: 5000 });
  await pass(1500);
  expect(drain.refusal()).toMatchObject({ code: "draining", retryAfterMs: 3500 });
  await pass(9000);
  expect(drain.refusal()).toMatchObject({ code: "draining", retryAfterMs: 3000 });
});

test("DR-8: the drain is over at once where there is nobody, and otherwise with the last connection", async () => {
  const nobody = scene({ count: 0, spreadMs: 10_000 });
  await nobody.drain.run();
  expect(nobody.drain.refusal()).toMatchObject({ retryAfterMs: 3000 });

  const { drain, connections, closes } = scene({ count: 3, spreadMs: 10_000 });
  const state = watched(drain);
  await pass(100);
  expect(state.isOver).toBe(false);
  // They have gone by themselves.
  for (const connection of connections) connection.ended();
  await pass(30);
  expect([state.isOver, closes]).toEqual([true, []]);
  expect(jest.getTimerCount()).toBe(0);
});

test("DR-7: a connection that cannot be closed does not hold up the others, nor the end", async () => {
  const { drain, connections, closes } = scene({ count: 3, spreadMs: 300 });
  const stuck = connections[1] as Connection;
  stuck.close = () => {};
  const state = watched(drain);
  await pass(320);
  expect([closes.map(([name]) => name), state.isOver]).toEqual([[0, 2], true]);
});

test("DR-10: people whose connections the drain closes keep their grace until 10 s after its end", () => {
  const { drain, graces } = scene({ count: 1, spreadMs: 7000 });
  expect(graces).toEqual([]);
  watched(drain);
  expect(graces).toEqual([17_000]);
});
