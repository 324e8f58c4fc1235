import { expect, test } from "bun:test";
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
