import { expect, test } from "bun:test";
import { type BusMessage, newNodeId } from "./bus.ts";
import { MemoryBus } from "./memory-bus.ts";

test("each node gets its own copy of what another one publishes, and nothing of its own", async () => {
  const bus = new MemoryBus();
  const [a, b, c] = ["a", "b", "c"].map((node) => bus.open(node));
  const heard: [string, BusMessage, string][] = [];
  a?.subscribe((message, from) => heard.push(["a", message, from]));
  b?.subscribe((message, from) => {
    (message as { data: { n: number } }).data.n += 1;
    heard.push(["b", message, from]);
  });
  c?.subscribe((message, from) => heard.push(["c", message, from]));
  a?.publish({ channel: "live", data: { n: 1 } });
  expect(heard).toEqual([]);
  await Promise.resolve();
  expect(heard).toEqual([
    ["b", { channel: "live", data: { n: 2 } }, "a"],
    ["c", { channel: "live", data: { n: 1 } }, "a"],
  ]);
});

test("a node's id has 16 hexadecimal digits and is new each time", () => {
  expect(newNodeId()).toMatch(/^[0-9a-f]{16}$/);
  expect(newNodeId()).not.toBe(newNodeId());
});
