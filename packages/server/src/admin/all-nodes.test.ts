import { afterEach, beforeEach, expect, jest, test } from "bun:test";
import { MemoryBus } from "../bus/memory-bus.ts";
import { ManualClock } from "../lib/clock.ts";
import { NodeChannel } from "../nodes/channel.ts";
import { LivingNodes } from "../nodes/liveness.ts";
import { Questions } from "../nodes/questions.ts";
import { answerTotals, ChartsOfAll, samplerOfAll } from "./all-nodes.ts";
import { numbersHere } from "./node-here.ts";
import { type Sample, SERIES_NAMES, Series } from "./series.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];
const T0 = 1_700_000_000_000;

beforeEach(() => jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

/** Nodes with numbers and charts, of which the first measures. */
function among(ids: readonly string[]) {
  const memory = new MemoryBus();
  const clock = new ManualClock(T0);
  const nodes = ids.map((self, index) => {
    const liveness = new LivingNodes();
    for (const other of ids) if (other !== self) liveness.up(other);
    const errors: unknown[] = [];
    const channel = new NodeChannel({ self, bus: memory.open(self), liveness }, (error) => errors.push(error));
    const questions = new Questions(channel, (error) => errors.push(error));
    const stop = channel.start();
    const totals = { requests: 0, messages: 0, events: 0, lagSeconds: 0, lagCount: 0 };
    const metrics = { totals: async () => ({ ...totals }) };
    const live = { counts: () => ({ websocket: 1, sse: 10, poll: 100 }) };
    const context = { questions, live, presence: { count: 7 } } as unknown as Parameters<typeof samplerOfAll>[0];
    questions.on("numbers", () => numbersHere(context));
    answerTotals(context, metrics);
    const series = new Series(clock);
    const measuring = { is: index === 0 };
    const charts = new ChartsOfAll({ series, questions, measures: () => measuring.is });
    return { liveness, totals, metrics, context, series, charts, measuring, questions, errors, stop };
  });
  return { clock, nodes: nodes as [(typeof nodes)[0], (typeof nodes)[0], (typeof nodes)[0]] };
}

/** Lets a node that does not answer be late. */
async function late<T>(asked: Promise<T>): Promise<T> {
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  jest.advanceTimersByTime(1000);
  return asked;
}

test("NODE-7: what is measured is that of all nodes together", async () => {
  const { nodes } = among([A, B, C]);
  const [a, b, c] = nodes;
  const sampler = samplerOfAll(a.context, a.metrics);
  const first = await sampler.sample();
  expect(first).toMatchObject({ connections: 333, onlineNum: 7, requestsPerSecond: 0, loopLagMs: 0 });
  expect(first.cpuCores).toBeGreaterThan(0);
  expect(first.residentBytes).toBeGreaterThan(2.5 * process.memoryUsage.rss());
  for (const { totals } of [a, b, c])
    Object.assign(totals, { requests: 5, messages: 4, events: 6, lagSeconds: 3, lagCount: 2 });
  a.totals.lagSeconds = 30;
  const { requestsPerSecond, messagesPerSecond, eventsPerSecond, loopLagMs } = await sampler.sample();
  expect(requestsPerSecond).toBeGreaterThan(0);
  expect(messagesPerSecond / requestsPerSecond).toBeCloseTo(4 / 5);
  expect(eventsPerSecond / requestsPerSecond).toBeCloseTo(6 / 5);
  expect(loopLagMs).toBe(6000);
});

test("NODE-7: a node that is late once is counted as it was, and one that has ended is not", async () => {
  const { nodes } = among([A, B, C]);
  const [a, b, c] = nodes;
  const sampler = samplerOfAll(a.context, a.metrics);
  for (const { totals } of [b, c]) totals.requests = 1000;
  await sampler.sample();
  b.questions.on("totals", () => new Promise(() => {}));
  b.questions.on("numbers", () => new Promise(() => {}));
  expect(await late(sampler.sample())).toMatchObject({ connections: 333, requestsPerSecond: 0 });
  answerTotals(b.context, b.metrics);
  b.questions.on("numbers", () => numbersHere(b.context));
  expect(await sampler.sample()).toMatchObject({ connections: 333, requestsPerSecond: 0 });
  a.liveness.down(B);
  expect(await sampler.sample()).toMatchObject({ connections: 222, requestsPerSecond: 0 });
});

test("NODE-7: charts are read from the node that measures, whichever is asked, and are empty while none does", async () => {
  const { nodes, clock } = among([A, B, C]);
  const [a, b] = nodes;
  a.series.add(Object.fromEntries(SERIES_NAMES.map((name, n) => [name, n + 1])) as Sample);
  b.series.add(Object.fromEntries(SERIES_NAMES.map((name) => [name, 99])) as Sample);
  clock.advance(10_000);
  const range = { from: T0, to: T0 + 10_000, stepMs: 10_000 };
  const found = (...values: number[]) => ({ points: values.map((value) => ({ at: T0, value })), missingNodes: [] });
  for (const { charts } of nodes) expect(await charts.read(SERIES_NAMES[1], range)).toEqual(found(2));
  expect(await b.charts.read(SERIES_NAMES[1], { ...range, from: T0 + 1 })).toEqual(found());
  a.measuring.is = false;
  for (const { charts } of nodes) expect(await charts.read(SERIES_NAMES[1], range)).toEqual(found());
  b.measuring.is = true;
  for (const { charts } of nodes) expect(await charts.read(SERIES_NAMES[1], range)).toEqual(found(99));
  expect(nodes.map(({ errors }) => errors)).toEqual([[], [], []]);
});

test("NODE-7: where the node that measures does not answer, it is named; another one that does not answer is missed by nobody", async () => {
  const { nodes } = among([A, B, C]);
  const [a, b, c] = nodes;
  a.series.add(Object.fromEntries(SERIES_NAMES.map((name) => [name, 5])) as Sample);
  const read = () => late(b.charts.read(SERIES_NAMES[0], { from: T0, to: T0 + 10_000, stepMs: 10_000 }));
  c.questions.on("series", () => new Promise(() => {}));
  expect(await read()).toEqual({ points: [{ at: T0, value: 5 }], missingNodes: [] });
  a.questions.on("series", () => new Promise(() => {}));
  expect(await read()).toEqual({ points: [], missingNodes: [A, C] });
  a.liveness.down(C);
  b.liveness.down(C);
  expect(await read()).toEqual({ points: [], missingNodes: [A] });
});

test("NODE-7: a question for charts that is malformed is not answered", async () => {
  const { nodes } = among([A, B]);
  const [a, b] = nodes;
  const asked = await late(b.questions.ask("series", { name: "connections", from: 0, to: 1, stepMs: 0 }));
  expect(asked.silent).toEqual([A]);
  expect(a.errors).toHaveLength(1);
});
