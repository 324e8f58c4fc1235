import { afterEach, beforeEach, expect, test } from "bun:test";
import { EventsRig } from "../../../test/events-rig.ts";
import { uptimeMs } from "../../lib/uptime.ts";
import { PollReader } from "./poll-reader.ts";
import { PollReaderCache } from "./poll-reader-cache.ts";

let rig: EventsRig;
beforeEach(async () => {
  rig = await EventsRig.open();
});
afterEach(() => rig.close());

/** A reader that reads one room, and so weighs two. */
async function reader(lastCursor = "here"): Promise<PollReader> {
  const outbox = rig.outboxOfRoom();
  await outbox.openNow();
  const one = new PollReader(outbox, rig.topics);
  await one.take(1);
  one.lastCursor = lastCursor;
  return one;
}

test("TR-47: a reader is taken by the cursor that its last reply had, and by no other", async () => {
  const cache = new PollReaderCache();
  const one = await reader();
  cache.put(1, one);
  expect(cache.take(1, "elsewhere")).toBeUndefined();
  expect(cache.take(2, "here")).toBeUndefined();
  expect(cache.take(1, "here")).toBe(one);
  expect([cache.take(1, "here"), cache.size]).toEqual([undefined, 0]);
});

test("TR-47: so many readers are kept; one more, and the one that is unused for longest goes, with its subscriptions", async () => {
  const cache = new PollReaderCache({ readers: 3, streams: 1000 });
  for (let loginId = 1; loginId <= 3; loginId++) cache.put(loginId, await reader());
  cache.put(1, cache.take(1, "here") as PollReader);
  cache.put(4, await reader());
  expect([1, 2, 3, 4].map((loginId) => cache.take(loginId, "here") !== undefined)).toEqual([true, false, true, true]);
});

test("TR-47: their streams are bounded over all; the newest reader stays, however many it reads", async () => {
  const cache = new PollReaderCache({ readers: 1000, streams: 5 });
  for (let loginId = 1; loginId <= 3; loginId++) cache.put(loginId, await reader());
  expect([1, 2, 3].map((loginId) => cache.take(loginId, "here") !== undefined)).toEqual([false, true, true]);
  const narrow = new PollReaderCache({ readers: 1000, streams: 1 });
  narrow.put(1, await reader());
  narrow.put(2, await reader());
  expect([narrow.size, narrow.take(2, "here") !== undefined]).toEqual([1, true]);
});

test("TR-47: of two polls of one login the later one's reader is kept, and nothing is left of the other's", async () => {
  const cache = new PollReaderCache({ readers: 3, streams: 5 });
  for (let loginId = 1; loginId <= 2; loginId++) cache.put(loginId, await reader());
  for (let round = 0; round < 3; round++) cache.put(2, await reader(`round ${round}`));
  expect(cache.size).toBe(2);
  expect(cache.take(2, "round 1")).toBeUndefined();
  cache.take(2, "round 2")?.close();
  cache.take(1, "here")?.close();
  expect([cache.size, rig.topics.size]).toEqual([0, 0]);
});

test("TR-47: the reader of a login that has not polled for two minutes is forgotten, and no other", async () => {
  const cache = new PollReaderCache();
  const one = await reader();
  const beforeMs = uptimeMs();
  cache.put(1, one);
  const afterMs = uptimeMs();
  cache.dropUnused(beforeMs + 119_000);
  expect(cache.size).toBe(1);
  cache.dropUnused(afterMs + 121_000);
  expect([cache.size, rig.topics.size]).toEqual([0, 0]);
});
