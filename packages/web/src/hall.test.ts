import { afterEach, expect, jest, test } from "bun:test";
import { ParleyError } from "@parley/client";
import { ME, message, scene, settled } from "../test/hall-scene.ts";

afterEach(() => void jest.useRealTimers());

test("history is read when events come; those that arrive meanwhile wait for it", async () => {
  const { hall, emit, answer, pages, texts, arrived } = scene();
  emit("state", { kind: "connecting", transport: "websocket" });
  expect(pages).toHaveLength(0);
  emit("state", { kind: "live", transport: "websocket" });
  emit("message", message(3));
  emit("recall", { msgId: 1, roomId: 1, recallUid: 20_001 });
  expect([texts(), hall.loaded, arrived()]).toEqual([[], false, 1]);
  await answer(0, message(1), message(2), message(3));
  expect(texts()).toEqual(["The sender recalled this message", "text 2", "text 3"]);
  emit("state", { kind: "live", transport: "websocket" });
  expect([hall.loaded, pages.length]).toEqual([true, 1]);
});

test("after a gap that cannot be filled history is read anew; an older answer counts no more", async () => {
  const { emit, answer, texts } = scene();
  emit("state", { kind: "live", transport: "websocket" });
  emit("state-reloaded", { everything: true });
  await answer(1, message(8), message(9));
  await answer(0, message(1));
  expect(texts()).toEqual(["text 8", "text 9"]);
});

test("a message of another room, or one's own, is no news", async () => {
  const { emit, answer, texts, arrived } = scene();
  emit("state", { kind: "live", transport: "websocket" });
  await answer(0);
  const elsewhere = message(4);
  elsewhere.message.roomId = 2;
  emit("message", elsewhere);
  emit("message", message(5, ME.uid));
  expect([texts(), arrived()]).toEqual([["text 5"], 0]);
});

test("what cannot be read is said", async () => {
  const { hall, emit, pages, told } = scene();
  emit("state", { kind: "live", transport: "websocket" });
  pages[0]?.reject(new ParleyError(0));
  await settled();
  hall.stop();
  expect(told).toEqual(["The server cannot be reached."]);
});

test("what cannot be read is tried again after three seconds, until the page is left", async () => {
  const { hall, live, pages, answer, texts } = scene();
  live();
  jest.useFakeTimers();
  const refuse = async (at: number) => {
    pages[at]?.reject(new ParleyError(0));
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  };
  await refuse(0);
  jest.advanceTimersByTime(2999);
  expect(pages).toHaveLength(1);
  jest.advanceTimersByTime(1);
  expect(pages).toHaveLength(2);
  await refuse(1);
  hall.stop();
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  await answer(1, message(1));
  expect(texts()).toEqual([]);
});

test("events that came while a page was read are not lost when it cannot be read", async () => {
  const { hall, live, emit, pages, texts } = scene();
  live();
  emit("message", message(3));
  pages[0]?.reject(new ParleyError(0));
  await settled();
  expect(texts()).toEqual(["text 3"]);
  hall.stop();
});

test("a hall that is left takes no late answer, good or bad", async () => {
  const { hall, live, answer, pages, told, texts } = scene();
  live();
  hall.stop();
  await answer(0, message(1));
  expect([texts(), hall.loaded]).toEqual([[], false]);
  const second = scene();
  second.live();
  second.hall.stop();
  second.pages[0]?.reject(new ParleyError(0));
  await settled();
  expect([second.told, told, pages.length]).toEqual([[], [], 1]);
});

test("where the server has no hall it is missing, which is no problem and is not asked again", async () => {
  const { hall, live, pages, told } = scene();
  live();
  pages[0]?.reject(new ParleyError(404, { code: "not_found", title: "There is nothing here" }));
  await settled();
  expect([hall.isMissing, told]).toEqual([true, []]);
});

test("history is read anew when a person is banned or comes back", async () => {
  const { live, emit, answer, pages } = scene();
  live();
  await answer(0, message(1));
  emit("black", { uid: 20_001 });
  emit("unblack", { uid: 20_001 });
  expect(pages).toHaveLength(3);
});

test("earlier pages come one after the other, each once, until there are none", async () => {
  const { hall, live, page, cursors, texts } = scene();
  await hall.loadOlder();
  live();
  await page(0, [message(5)], "before 5");
  expect(hall.hasOlder).toBe(true);
  void hall.loadOlder();
  void hall.loadOlder();
  await page(1, [message(3), message(4)], "before 3");
  await page(2, [message(3), message(4)], "before 3");
  expect([texts(), hall.hasOlder]).toEqual([["text 3", "text 4", "text 5"], true]);
  void hall.loadOlder();
  await page(3, [message(2)]);
  expect([texts(), hall.hasOlder]).toEqual([["text 2", "text 3", "text 4", "text 5"], false]);
  await hall.loadOlder();
  expect(cursors).toEqual([undefined, "before 5", "before 5", "before 3"]);
});

test("an earlier page that was asked for before history was read anew is not shown", async () => {
  const { hall, live, emit, page, texts } = scene();
  live();
  await page(0, [message(5)], "before 5");
  void hall.loadOlder();
  emit("state-reloaded", { everything: true });
  await page(2, [message(9)], "before 9");
  await page(1, [message(4)], "before 4");
  expect([texts(), hall.hasOlder]).toEqual([["text 9"], true]);
});

test("an earlier page is not shown while history is being read anew", async () => {
  const { hall, live, emit, page, texts } = scene();
  live();
  await page(0, [message(5)], "before 5");
  void hall.loadOlder();
  emit("state-reloaded", { everything: true });
  await page(1, [message(4)], "before 4");
  expect(texts()).toEqual(["text 5"]);
  await page(2, [message(5)], "before 5");
  expect(texts()).toEqual(["text 5"]);
});

test("an answer that comes late does not lead back to pages that were shown", async () => {
  const { hall, live, page } = scene();
  live();
  await page(0, [message(5)], "before 5");
  void hall.loadOlder();
  void hall.loadOlder();
  await page(1, [message(4)], "before 4");
  void hall.loadOlder();
  await page(3, [message(3)]);
  await page(2, [message(4)], "before 4");
  expect(hall.hasOlder).toBe(false);
});

test("history that was read anew meanwhile is not read once more by the try that was due", async () => {
  const { live, emit, answer, pages } = scene();
  live();
  jest.useFakeTimers();
  pages[0]?.reject(new ParleyError(0));
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  expect(jest.getTimerCount()).toBe(1);
  emit("state-reloaded", { everything: true });
  expect(jest.getTimerCount()).toBe(0);
  jest.useRealTimers();
  await answer(1);
  expect(pages).toHaveLength(2);
});

test("one's own name is known from the login", () => {
  expect(scene().hall.people.nameOf(ME.uid)).toBe("Me");
});

test("an earlier page that cannot be read is said, and can be asked for again", async () => {
  const { hall, live, page, pages, told, texts } = scene();
  live();
  await page(0, [message(5)], "before 5");
  void hall.loadOlder();
  pages[1]?.reject(new ParleyError(0));
  await settled();
  expect(told).toEqual(["The server cannot be reached."]);
  void hall.loadOlder();
  await page(2, [message(4)]);
  expect(texts()).toEqual(["text 4", "text 5"]);
});

test("above 2 000 messages the page starts anew with the newest ones", async () => {
  const { live, emit, page, pages, texts } = scene();
  live();
  await page(
    0,
    Array.from({ length: 1999 }, (_, at) => message(at + 1)),
  );
  emit("message", message(2000));
  expect(pages).toHaveLength(1);
  emit("message", message(2001));
  expect(pages).toHaveLength(2);
  await page(1, [message(2001)]);
  expect(texts()).toEqual(["text 2001"]);
});

test("how many people are online is unknown until the server says it", () => {
  const { hall, emit, changes } = scene();
  expect(hall.online).toBeUndefined();
  const before = changes();
  emit("presence", { uids: [], onlineNum: 7 });
  expect([hall.online, changes()]).toEqual([7, before + 1]);
});

test("a message that changes is shown as it is now", async () => {
  const { live, emit, answer, texts } = scene();
  live();
  await answer(0, message(1));
  const changed = message(1);
  changed.message.body = { content: "with a card", urlContentMap: {}, atUidList: [], reply: null };
  emit("message_update", changed);
  expect(texts()).toEqual(["with a card"]);
});
