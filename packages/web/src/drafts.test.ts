import { expect, test } from "bun:test";
import { type Draft, withDraft } from "./drafts.ts";

const draft = (roomId: number, text: string, uid = 20_001): Draft => ({ uid, roomId, text });

test("a room has one draft of each person, the newest one last, and none once it is empty", () => {
  let drafts = withDraft([], draft(1, "a"));
  drafts = withDraft(drafts, draft(2, "b"));
  drafts = withDraft(drafts, draft(1, "of another", 20_002));
  drafts = withDraft(drafts, draft(1, "a changed"));
  expect(drafts).toEqual([draft(2, "b"), draft(1, "of another", 20_002), draft(1, "a changed")]);
  expect(withDraft(drafts, draft(1, " \n"))).toEqual([draft(2, "b"), draft(1, "of another", 20_002)]);
});

test("a hundred drafts are kept, of 200 000 characters together; the oldest go first", () => {
  let drafts: Draft[] = [];
  for (let room = 1; room <= 101; room++) drafts = withDraft(drafts, draft(room, "x"));
  expect(drafts.map(({ roomId }) => roomId)).toEqual(Array.from({ length: 100 }, (_, at) => at + 2));
  for (const room of [200, 201, 202]) drafts = withDraft(drafts, draft(room, "x".repeat(50_000)));
  expect(drafts).toHaveLength(100);
  drafts = withDraft(drafts, draft(203, "x".repeat(49_950)));
  expect(drafts.map(({ roomId }) => roomId)).toEqual([
    ...Array.from({ length: 50 }, (_, at) => at + 52),
    ...[200, 201, 202, 203],
  ]);
});

test("one that is far too long takes the place of no other", () => {
  const drafts = [draft(1, "a"), draft(2, "b")];
  expect(withDraft(drafts, draft(2, "x".repeat(50_001)))).toEqual([draft(1, "a")]);
});
