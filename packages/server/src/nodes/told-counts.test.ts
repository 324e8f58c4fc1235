import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import { SIZES } from "../limits/sizes.ts";
import { NodeChannel } from "./channel.ts";
import { LivingNodes } from "./liveness.ts";
import { type Count, ToldCounts } from "./told-counts.ts";

let time: StillTime;
beforeEach(() => {
  jest.useFakeTimers();
  time = new StillTime();
});
afterEach(() => {
  time[Symbol.dispose]();
  jest.useRealTimers();
});

/** Nodes that have something, each as many as a test says. */
function among(count: number, most = 200) {
  const memory = new MemoryBus();
  const ids = Array.from({ length: count }, (_, n) => n.toString(16).repeat(16));
  return ids.map((self) => {
    const liveness = new LivingNodes();
    for (const other of ids) if (other !== self) liveness.up(other);
    const errors: unknown[] = [];
    const channel = new NodeChannel({ self, bus: memory.open(self), liveness }, (error) => errors.push(error));
    const own = new Map<string, number>();
    const counts = new ToldCounts({ channel, kind: "counts", own: () => own, most });
    channel.start();
    const stop = counts.start();
    return { self, liveness, channel, own, counts, stop, errors };
  });
}

type TestNode = ReturnType<typeof among>[0];

/** So much time goes by, and what was sent arrives. */
async function pass(ms: number): Promise<void> {
  for (let gone = 0; gone < ms; gone += 500) {
    time.advance(500);
    jest.advanceTimersByTime(500);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
}

test("GW-44: each node knows a second later what the others have together, and that they have no more", async () => {
  const [a, b, c] = among(3) as [TestNode, TestNode, TestNode];
  a.own.set("x", 100).set("y", 60);
  b.own.set("x", 50);
  expect(c.counts.elsewhere("x")).toBe(0);
  await pass(1000);
  expect([a, b, c].map(({ counts }) => counts.elsewhere("x"))).toEqual([50, 100, 150]);
  expect([c.counts.elsewhere("y"), c.counts.elsewhere("z")]).toEqual([60, 0]);
  a.own.clear();
  await pass(1000);
  expect([c.counts.elsewhere("x"), c.counts.elsewhere("y")]).toEqual([50, 0]);
});

test("GW-44: what a node had that is dead, or says nothing any more, counts no more", async () => {
  const [a, b, c] = among(3) as [TestNode, TestNode, TestNode];
  a.own.set("x", 100);
  b.own.set("x", 50);
  await pass(1000);
  c.liveness.down(b.self);
  expect(c.counts.elsewhere("x")).toBe(100);
  a.stop();
  await pass(3000);
  expect(c.counts.elsewhere("x")).toBe(100);
  await pass(500);
  expect(c.counts.elsewhere("x")).toBe(0);
});

test("GW-44: few are not told, and of what is not told there is never more than half of the number", async () => {
  const nodes = among(4);
  const [first, ...others] = nodes;
  for (const { own } of others) own.set("few", 24).set("many", 25);
  await pass(1000);
  expect([first?.counts.elsewhere("few"), first?.counts.elsewhere("many")]).toEqual([0, 75]);
  expect(4 * 24).toBeLessThan(100);
});

test("GW-44: of very many keys those with most are told, in a message that the bus takes", async () => {
  const [a, b] = among(2, 4) as [TestNode, TestNode];
  let length = 0;
  b.channel.place.bus.subscribe(({ channel, ...message }) => {
    if (channel === "live") length = JSON.stringify(message).length;
  });
  for (let n = 0; n < 6000; n++) a.own.set(`2001:db8:aaaa:${n.toString(16)}::/64`, n < 1000 ? 1 : 2);
  a.own.set("most", 9);
  await pass(1000);
  expect(b.counts.elsewhere("most")).toBe(9);
  expect(b.counts.elsewhere("2001:db8:aaaa:0::/64")).toBe(0);
  expect(length).toBeGreaterThan(0);
  expect(length).toBeLessThan(SIZES.busMessage.count / 2);
});

test("GW-44: what has another shape is skipped", async () => {
  const [a, b] = among(2) as [TestNode, TestNode];
  a.stop();
  for (const counts of [null, "x", [null, 1, ["x"], ["x", "1"], ["x", -5], ["x", 0.5], [1, 1]] as unknown as Count[]])
    a.channel.send("counts", { counts });
  await pass(500);
  expect([b.counts.elsewhere("x"), b.counts.elsewhere("1"), b.errors]).toEqual([0, 0, []]);
  a.channel.send("counts", { counts: [["x", 1], ["x"]] });
  await pass(500);
  expect(b.counts.elsewhere("x")).toBe(1);
});
