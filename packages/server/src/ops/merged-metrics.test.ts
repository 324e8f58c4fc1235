import { expect, test } from "bun:test";
import { mergedCounters, mergedText, totalIn } from "./merged-metrics.ts";
import { Metrics } from "./metrics.ts";

function processWith(n: number): Metrics {
  const metrics = new Metrics();
  metrics.messages.inc(n);
  metrics.httpRequests.inc({ method: "GET", route: "/a", status: 200 }, n);
  if (n > 1) metrics.httpRequests.inc({ method: "GET", route: "/b", status: 404 });
  metrics.httpSeconds.observe({ route: "/a" }, n / 100);
  metrics.connections.set({ transport: "websocket" }, n);
  metrics.watch([
    { name: "parley_people_online", help: "People", read: () => 10 + n },
    { name: "parley_nodes", help: "Nodes", read: () => 4 - n },
    { name: "parley_bus_works", help: "Bus", read: () => (n === 1 ? 1 : 0) },
  ]);
  return metrics;
}

const linesOf = (text: string, start: string) => text.split("\n").filter((line) => line.startsWith(start));

test("PROC-8: counters, histograms and gauges of several processes are added by their labels", async () => {
  const reports = await Promise.all([processWith(1), processWith(2)].map((one) => one.report()));
  // They cross a socket.
  const text = await mergedText(JSON.parse(JSON.stringify(reports)));
  expect(linesOf(text, "parley_messages_total")).toEqual(["parley_messages_total 3"]);
  expect(linesOf(text, "parley_http_requests_total")).toEqual([
    'parley_http_requests_total{method="GET",route="/a",status="200"} 3',
    'parley_http_requests_total{method="GET",route="/b",status="404"} 1',
  ]);
  expect(linesOf(text, 'parley_http_request_seconds_bucket{le="0.01"')).toEqual([
    'parley_http_request_seconds_bucket{le="0.01",route="/a"} 1',
  ]);
  expect(linesOf(text, 'parley_http_request_seconds_count{route="/a"}')).toEqual([
    'parley_http_request_seconds_count{route="/a"} 2',
  ]);
  expect(linesOf(text, 'parley_connections{transport="websocket"}')).toEqual([
    'parley_connections{transport="websocket"} 3',
  ]);
  expect(linesOf(text, "parley_build_info")[0]).toEndWith(" 1");
});

test("PROC-8: what every process knows of the whole is not added", async () => {
  const text = await mergedText(await Promise.all([processWith(1), processWith(2)].map((one) => one.report())));
  expect(linesOf(text, "parley_people_online")).toEqual(["parley_people_online 12"]);
  // A node that has not heard of another one yet, and the one whose bus does not work.
  expect(linesOf(text, "parley_nodes")).toEqual(["parley_nodes 3"]);
  expect(linesOf(text, "parley_bus_works")).toEqual(["parley_bus_works 0"]);
  const started = Number(linesOf(text, "process_start_time_seconds")[0]?.split(" ")[1]);
  expect(started).toBeCloseTo(performance.timeOrigin / 1000, 0);
});

test("PROC-8: of a process that has ended what rises remains, and nothing else", async () => {
  const rest = await mergedCounters([await processWith(2).report(), await processWith(3).report()]);
  expect(totalIn([rest], "parley_messages_total")).toBe(5);
  expect(totalIn([rest], "parley_http_request_seconds", "_count")).toBe(2);
  expect(totalIn([rest], "parley_connections")).toBe(0);
  expect(totalIn([rest, await processWith(4).report()], "parley_http_requests_total")).toBe(12);
});
