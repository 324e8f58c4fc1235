import { expect, test } from "bun:test";
import { type QrChange, QrWatchers } from "./qr-watchers.ts";

const nothing = () => {};

test("ID-33: each watcher is told each state once, and never an earlier one", () => {
  const watchers = new QrWatchers();
  const heard: QrChange[][] = [[], []];
  for (const list of heard) watchers.add("a", (state) => list.push(state));
  for (const state of ["scanned", "scanned", "confirmed", "scanned", "rejected", "confirmed"] as const) {
    watchers.tell("a", state);
  }
  watchers.tell("b", "scanned");
  expect(heard).toEqual([
    ["scanned", "confirmed"],
    ["scanned", "confirmed"],
  ]);
});

test("ID-33: one that has stopped hears nothing more, and its place is free once", () => {
  const watchers = new QrWatchers();
  const heard: QrChange[] = [];
  const stops = [1, 2, 3, 4].map(() => watchers.add("a", (state) => heard.push(state)));
  expect(() => watchers.add("a", nothing)).toThrow("Too many requests are waiting for a QR code");
  for (const _ of [1, 2]) stops[0]?.();
  expect(watchers.size).toBe(3);
  watchers.tell("a", "scanned");
  expect(heard).toHaveLength(3);
  watchers.add("a", nothing);
  expect(() => watchers.add("a", nothing)).toThrow();
  expect(watchers.size).toBe(4);
});

test("ID-33: of codes that nobody waits for nothing stays", () => {
  const watchers = new QrWatchers();
  const heapBytes = () => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  const before = heapBytes();
  for (let code = 0; code < 100_000; code++) watchers.add(`code ${code}`, nothing)();
  expect(heapBytes() - before).toBeLessThan(2_000_000);
  // Used once more, so that it has not been collected by then.
  expect(watchers.size).toBe(0);
}, 20_000);

test("ID-33: one may stop another while they are told", () => {
  const watchers = new QrWatchers();
  const heard: string[] = [];
  const stop = watchers.add("a", () => heard.push("first"));
  watchers.add("a", () => {
    stop();
    heard.push("second");
  });
  watchers.tell("a", "scanned");
  watchers.tell("a", "confirmed");
  expect(heard).toEqual(["first", "second", "second"]);
});

test("ID-33: of all codes together so many may wait as the limit says", () => {
  const watchers = new QrWatchers();
  const stops = Array.from({ length: 20_000 }, (_, code) => watchers.add(`code ${code}`, nothing));
  expect(() => watchers.add("one more", nothing)).toThrow();
  stops[0]?.();
  watchers.add("one more", nothing);
  expect(watchers.size).toBe(20_000);
});
