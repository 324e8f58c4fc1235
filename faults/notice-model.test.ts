import { expect, test } from "bun:test";
import { listsOf, NoticeModel } from "./notice-model.ts";

const notice = (id: number, collapseKey: string | null = null) => ({
  ...{ id, ref: `n-${id}`, kind: "a", toAll: false, collapseKey },
});

test("a later one with the same collapseKey takes its place with those who get both, and only they are told no more of it", () => {
  const model = new NoticeModel();
  const first = model.sent(notice(1, "k"), { streams: ["user:1", "user:2"], text: "a" });
  model.sent(notice(3, "j"), { streams: ["user:2"], text: "a" });
  model.sent(notice(5, "k"), { streams: ["user:1"], text: "a" });
  expect(listsOf(first)).toEqual(["user:2"]);
  model.changed(first, { text: "b" });
  model.takenBack(first);
  model.takenBack(first);
  model.changed(first, { done: true });
  expect(listsOf(first)).toEqual([]);
  const begun = { text: "a", done: false };
  expect(first.told).toEqual({
    "user:1": [begun, "removed"],
    "user:2": [begun, { text: "b", done: false }, "removed"],
  });
});

test("what has left a list leaves it once", () => {
  const model = new NoticeModel();
  const first = model.sent(notice(1, "k"), { streams: ["user:1"], text: "a" });
  model.takenBack(first);
  model.sent(notice(3, "k"), { streams: ["user:1"], text: "a" });
  expect(first.told["user:1"]).toEqual([{ text: "a", done: false }, "removed"]);
});
