import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator } from "../../test/administrator.ts";
import { type Person, TestServer } from "../../test/harness.ts";
import { HeldTimers } from "../../test/held-timers.ts";
import { ManualClock } from "../lib/clock.ts";
import { Metrics } from "../ops/metrics.ts";
import { LiveConnections } from "./live-connections.ts";
import { Sampler } from "./sampler.ts";
import { chartsHere, POINTS_KEPT, SAMPLE_MS, type Sample, SERIES_NAMES, Series } from "./series.ts";
import { readSeries } from "./stats-actions.ts";

const T0 = 1_700_000_000_000;
const sample = (value: number) => Object.fromEntries(SERIES_NAMES.map((name) => [name, value])) as Sample;

/** A series with a point every ten seconds, whose values count from 0. */
function filled(points: number) {
  const clock = new ManualClock(T0);
  const series = new Series(clock);
  for (let n = 0; n < points; n++) {
    series.add(sample(n));
    clock.advance(10_000);
  }
  return { charts: chartsHere(series), clock };
}

test("ADM-9: a point is the mean of what was measured within its step", async () => {
  const { charts, clock } = filled(12);
  const read = (query: object) =>
    readSeries({ charts, clock }, { name: "connections", from: T0, to: T0 + 120_000, step: undefined, ...query });
  expect((await read({})).points.map(({ value }) => value)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
  expect(await read({ step: 30 })).toEqual({
    name: "connections",
    stepSeconds: 30,
    missingNodes: [],
    points: [
      { at: T0, value: 1 },
      { at: T0 + 30_000, value: 4 },
      { at: T0 + 60_000, value: 7 },
      { at: T0 + 90_000, value: 10 },
    ],
  });
  expect((await read({ from: T0 + 10_000, to: T0 + 30_000 })).points.map(({ value }) => value)).toEqual([1, 2]);
  expect((await read({ from: 0, to: T0 })).points).toEqual([]);
});

test("ADM-9: without a time it is the last hour; steps in which nothing was measured are left out", async () => {
  const { charts, clock } = filled(500);
  clock.advance(60_000);
  const { points, stepSeconds } = await readSeries(
    { charts, clock },
    { name: "onlineNum", from: undefined, to: undefined, step: 60 },
  );
  expect(stepSeconds).toBe(60);
  expect(points[0]?.at).toBeGreaterThan(clock.now() - 3_600_001);
  expect(points.at(-1)?.at).toBeLessThan(clock.now() - 60_000);
});

test("ADM-9: a day is kept, and no reply has more than 1 000 points", async () => {
  const { charts, clock } = filled(POINTS_KEPT + 100);
  const all = { name: "connections" as const, from: T0, to: clock.now(), step: undefined };
  const { points, stepSeconds } = await readSeries({ charts, clock }, all);
  expect(points.length).toBeLessThanOrEqual(1000);
  expect(stepSeconds).toBe(88);
  const { points: raw } = await readSeries({ charts, clock }, { ...all, to: T0 + 2_000_000, step: 10 });
  // The first 100 of them are gone.
  expect([raw.length, raw[0]]).toEqual([100, { at: T0 + 1_000_000, value: 100 }]);
  for (const wrong of [{ step: 10 }, { step: 87 }, { from: clock.now() }, { to: T0 }]) {
    const refused = await readSeries({ charts, clock }, { ...all, ...wrong }).catch((error: unknown) => error);
    expect(refused).toMatchObject({ code: "invalid" });
  }
});

test("ADM-9: what only rises is shown as how fast it rose", async () => {
  const metrics = new Metrics();
  let now = 5000;
  const sampler = new Sampler({ metrics, presence: { count: 3 }, live: new LiveConnections(), uptime: () => now });
  metrics.messages.inc(50);
  expect(await sampler.sample()).toMatchObject({ messagesPerSecond: 10 });
  now += 10_000;
  metrics.messages.inc(1000);
  metrics.eventsAppended.inc(2000);
  metrics.httpRequests.inc({ method: "GET", route: "/a", status: "200" }, 300);
  metrics.httpRequests.inc({ method: "GET", route: "/b", status: "404" }, 700);
  const second = await sampler.sample();
  expect(second).toMatchObject({ messagesPerSecond: 100, eventsPerSecond: 200, requestsPerSecond: 100 });
  expect(second).toMatchObject({ onlineNum: 3, connections: 0 });
  expect(second.residentBytes).toBeGreaterThan(1_000_000);
  expect(second.cpuCores).toBeGreaterThanOrEqual(0);
});

let server: TestServer;
let root: Person;
beforeAll(async () => {
  // Nothing is measured here, however long the tests take.
  using _timers = new HeldTimers(SAMPLE_MS);
  server = await TestServer.start();
  root = await administrator(server, "root");
}, 20_000);
afterAll(() => server.stop());

test.each([
  ["", "name"],
  ["?name=secrets", "name"],
  ["?name=connections&from=yesterday", "from"],
  ["?name=connections&from=2&to=2", "from"],
  ["?name=connections&step=9", "step"],
  ["?name=connections&from=1&step=10", "step"],
  ["?name=connections&step=99999999999999999", "step"],
])("ADM-9: %j is 400 and says what is wrong", async (query, path) => {
  const reply = await root.api.call<{ errors: { path: string }[] }>("GET", `/admin/series${query}`);
  expect([reply.status, reply.body.errors[0]?.path]).toEqual([400, path]);
});

test("ADM-9: every series can be asked for", async () => {
  for (const name of SERIES_NAMES) {
    expect(await root.api.ok<object>("GET", `/admin/series?name=${name}`)).toEqual({
      name,
      stepSeconds: 10,
      points: [],
      missingNodes: [],
    });
  }
});
