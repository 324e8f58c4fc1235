import { expect, test } from "bun:test";
import { RecentChanges } from "./recent-changes.ts";

test("a change is known from the moment before it, and not from its own", () => {
  const changes = new RecentChanges<string>(10);
  changes.note("a", 12);
  expect(changes.changedSince("a", 11)).toBe(true);
  expect(changes.changedSince("a", 12)).toBe(false);
  expect(changes.changedSince("b", 11)).toBe(false);
  changes.note("a", 15);
  expect(changes.changedSince("a", 14)).toBe(true);
});

test("what was before the start cannot be ruled out", () => {
  const changes = new RecentChanges<string>(10);
  expect(changes.changedSince("a", 9)).toBe(true);
  expect(changes.changedSince("a", 10)).toBe(false);
});

test("the oldest changes are forgotten, and from then on cannot be ruled out for anything", () => {
  const changes = new RecentChanges<string>(0, 2);
  changes.note("a", 1);
  changes.note("b", 2);
  changes.note("a", 3);
  expect(changes.changedSince("c", 0)).toBe(false);
  changes.note("c", 4);
  // `b` was the one unchanged for longest.
  expect(changes.changedSince("d", 1)).toBe(true);
  expect(changes.changedSince("d", 2)).toBe(false);
  expect(changes.changedSince("a", 2)).toBe(true);
});
