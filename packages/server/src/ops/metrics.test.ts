import { expect, jest, spyOn, test } from "bun:test";
import { withDeadline } from "../lib/interval.ts";
import { Metrics } from "./metrics.ts";

test("counts what it is told, with few labels", async () => {
  const metrics = new Metrics();
  metrics.connections.labels("websocket").set(3);
  metrics.closes.labels("4000").inc();
  metrics.messages.inc(2);
  metrics.eventsAppended.inc(7);
  const page = await metrics.text();
  for (const line of [
    'parley_connections{transport="websocket"} 3',
    'parley_closes_total{code="4000"} 1',
    "parley_messages_total 2",
    "parley_events_appended_total 7",
  ]) {
    expect(page).toContain(`\n${line}\n`);
  }
});

test("shows what the process uses, and nothing that the runtime reports wrongly", async () => {
  const page = await new Metrics().text();
  const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, "m").exec(page)?.[1]);
  expect(value("process_resident_memory_bytes")).toBeGreaterThan(10_000_000);
  expect(value("process_resident_memory_bytes")).toBeLessThan(4_000_000_000);
  expect(value("process_cpu_seconds_total")).toBeGreaterThan(0);
  expect(value("parley_uptime_seconds")).toBeGreaterThan(0);
  expect(page).not.toMatch(/nodejs_|process_heap_bytes/);
});

test("sees a blocked event loop", async () => {
  const metrics = new Metrics();
  const stop = metrics.start();
  const blockedUntil = performance.now() + 500;
  while (performance.now() < blockedUntil);
  const lag = async (): Promise<number> => {
    const sum = Number(/^parley_event_loop_lag_seconds_sum (.+)$/m.exec(await metrics.text())?.[1]);
    return sum > 0 ? sum : new Promise((resolve) => setImmediate(() => resolve(lag())));
  };
  expect(await withDeadline(lag(), 3000, "no lag seen")).toBeGreaterThan(0.25);
  stop();
});

test("two of them do not share anything", async () => {
  const [one, other] = [new Metrics(), new Metrics()];
  one.eventsAppended.inc();
  expect(await other.text()).toContain("\nparley_events_appended_total 0\n");
});

test("says how late a timer of 200 ms is, and nothing of one that is early", async () => {
  jest.useFakeTimers();
  let now = 0;
  const clock = spyOn(performance, "now").mockImplementation(() => now);
  try {
    const metrics = new Metrics();
    const stop = metrics.start();
    for (const atMs of [200, 650, 800]) {
      now = atMs;
      jest.advanceTimersByTime(200);
    }
    stop();
    expect(jest.getTimerCount()).toBe(0);
    const page = await metrics.text();
    const value = (name: string) => Number(new RegExp(`^${name} (.+)$`, "m").exec(page)?.[1]);
    // On time, 250 ms late, 50 ms early.
    expect(value("parley_event_loop_lag_seconds_sum")).toBeCloseTo(0.25, 6);
    expect(value("parley_event_loop_lag_seconds_count")).toBe(3);
  } finally {
    clock.mockRestore();
    jest.useRealTimers();
  }
});

test("what the process used is told as it is at each scrape, not added up", async () => {
  const metrics = new Metrics();
  const used = async () => Number(/^process_cpu_seconds_total (.+)$/m.exec(await metrics.text())?.[1]);
  const before = process.cpuUsage();
  for (let scrape = 0; scrape < 20; scrape++) await used();
  const last = await used();
  const after = process.cpuUsage();
  expect(last).toBeGreaterThanOrEqual((before.user + before.system) / 1e6);
  expect(last).toBeLessThanOrEqual((after.user + after.system) / 1e6);
});

test("times have the places that dashboards are made for", async () => {
  const metrics = new Metrics();
  metrics.httpSeconds.observe({ route: "none" }, 0);
  const places = async (name: string) =>
    [...(await metrics.text()).matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"`, "gm"))].map(([, le]) => le);
  const short = ["0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1"];
  expect(await places("parley_http_request_seconds")).toEqual([...short, "5", "30", "+Inf"]);
  expect(await places("parley_event_loop_lag_seconds")).toEqual([...short, "2.5", "+Inf"]);
});
