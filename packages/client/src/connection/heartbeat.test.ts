import { afterEach, beforeEach, expect, test } from "bun:test";
import { FakeWorker } from "../../test/rig/fake-worker.ts";
import { Heartbeat } from "./heartbeat.ts";

let uninstall: () => void;
beforeEach(() => {
  uninstall = FakeWorker.install();
});
afterEach(() => uninstall());
const worker = () => FakeWorker.made.at(-1) as FakeWorker;
const heartbeat = (more: object = {}) =>
  new Heartbeat({ url: "/beat.js", isPage: true, onMissing: () => {}, withinMs: 60_000, ...more });

test("SDK-62: a worker that has loaded beats, and is told to stop when the connection has ended", async () => {
  const beating = heartbeat();
  const idle = beating.idleSeconds();
  worker().onmessage?.({});
  expect(await idle).toBeUndefined();
  let beats = 0;
  const end = beating.start(10_000, () => {
    beats += 1;
  });
  expect([worker().url, worker().got]).toEqual(["/beat.js", [10_000]]);
  worker().onmessage?.({});
  expect(beats).toBe(1);
  end();
  expect([worker().got, worker().onmessage]).toEqual([[10_000, 0], null]);
});

test("SDK-62: one worker serves all connections of a client, until it stops; the next start has a new one", async () => {
  const beating = heartbeat();
  const first = beating.idleSeconds();
  worker().onmessage?.({});
  await first;
  await beating.idleSeconds();
  expect(FakeWorker.made).toHaveLength(1);
  beating.close();
  await Promise.resolve();
  await Promise.resolve();
  expect(worker().isTerminated).toBe(true);
  void beating.idleSeconds();
  expect(FakeWorker.made).toHaveLength(2);
});

test("SDK-28: a worker that loads after the stop is ended, and beats for nobody", async () => {
  const beating = heartbeat();
  const idle = beating.idleSeconds();
  beating.close();
  worker().onmessage?.({});
  await idle;
  await Promise.resolve();
  expect(worker().isTerminated).toBe(true);
  beating.start(3_600_000, () => {})();
  expect(worker().got).toEqual([]);
});

const FAILURES: readonly [string, { end?: () => void; forbidden?: boolean; withinMs?: number; url?: undefined }][] = [
  ["fails to load", { end: () => worker().onerror?.({}) }],
  ["is forbidden", { forbidden: true }],
  ["does not load in time", { withinMs: 1 }],
  ["is not wanted", { url: undefined }],
];
test.each(FAILURES)("SDK-62: where the worker %s, the page asks for idle=120", async (_, failure) => {
  const { end, forbidden = false, ...more } = failure;
  FakeWorker.forbidden = forbidden;
  const beating = heartbeat(more);
  const idle = beating.idleSeconds();
  end?.();
  expect(await idle).toBe(120);
  expect(FakeWorker.made.every(({ isTerminated }) => isTerminated)).toBe(true);
});

test("SDK-62: outside of a page a timer is enough: no worker, no patience", async () => {
  const beating = heartbeat({ isPage: false });
  expect(await beating.idleSeconds()).toBeUndefined();
  expect(FakeWorker.made).toEqual([]);
});
