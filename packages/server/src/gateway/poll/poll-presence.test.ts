import { expect, test } from "bun:test";
import { PollPresence } from "./poll-presence.ts";

/** Presence itself adds five more. */
const ONLINE_MS = 40_000;

function open() {
  const told: string[] = [];
  const presence = new PollPresence({
    attached: (uid) => void told.push(`+${uid}`),
    detached: (uid) => void told.push(`-${uid}`),
  });
  return { told, presence };
}

test("TR-48: a user who polls is online from their first poll until 45 s after their last", () => {
  const { told, presence } = open();
  presence.seen(1, 0);
  presence.seen(2, 1000);
  presence.seen(1, 30_000);
  presence.expire(ONLINE_MS - 1, () => false);
  expect(told).toEqual(["+1", "+2"]);
  presence.expire(1000 + ONLINE_MS, () => false);
  expect(told).toEqual(["+1", "+2", "-2"]);
  presence.expire(30_000 + ONLINE_MS, () => false);
  presence.seen(2, 80_000);
  expect(told).toEqual(["+1", "+2", "-2", "-1", "+2"]);
});

test("TR-48: a user whose poll hangs is online while it hangs, and 45 s more", () => {
  const { told, presence } = open();
  presence.seen(1, 0);
  presence.expire(ONLINE_MS, (uid) => uid === 1);
  presence.expire(2 * ONLINE_MS - 1, () => false);
  expect(told).toEqual(["+1"]);
  presence.expire(2 * ONLINE_MS, () => false);
  expect(told).toEqual(["+1", "-1"]);
});
