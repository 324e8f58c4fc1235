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
  const polls = (uid: number, atMs: number) => {
    presence.begins(uid, atMs);
    presence.ends(uid, atMs);
  };
  polls(1, 0);
  polls(2, 1000);
  polls(1, 30_000);
  presence.expire(ONLINE_MS - 1);
  expect(told).toEqual(["+1", "+2"]);
  presence.expire(1000 + ONLINE_MS);
  expect(told).toEqual(["+1", "+2", "-2"]);
  presence.expire(30_000 + ONLINE_MS);
  polls(2, 80_000);
  expect(told).toEqual(["+1", "+2", "-2", "-1", "+2"]);
});

test("TR-48: a user is online while any of their polls is being answered, whatever it waits for, and 45 s more", () => {
  const { told, presence } = open();
  presence.begins(1, 0);
  presence.begins(1, 0);
  presence.ends(1, 0);
  presence.expire(ONLINE_MS);
  presence.expire(3 * ONLINE_MS);
  expect(told).toEqual(["+1"]);
  presence.ends(1, 3 * ONLINE_MS);
  presence.expire(4 * ONLINE_MS - 1);
  expect(told).toEqual(["+1"]);
  presence.expire(4 * ONLINE_MS);
  expect(told).toEqual(["+1", "-1"]);
});
