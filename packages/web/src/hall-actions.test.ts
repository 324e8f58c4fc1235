import { afterEach, expect, jest, spyOn, test } from "bun:test";
import { ParleyError } from "@parley/client";
import { ME, message, scene, settled } from "../test/hall-scene.ts";

afterEach(() => void jest.restoreAllMocks());

test("what was refused is tried again as the same message", async () => {
  const { hall, sends, texts } = scene();
  void hall.send("text 6");
  sends[0]?.answer.reject(new ParleyError(403, { code: "forbidden", detail: "Not now" }));
  await settled();
  const [failed] = hall.messages;
  expect([failed?.delivery, failed?.error]).toEqual(["failed", "Not now."]);
  void hall.sendAgain(failed?.clientId ?? "");
  expect(hall.messages.map(({ delivery }) => delivery)).toEqual(["sending"]);
  expect(sends[1]?.clientId).toBe(sends[0]?.clientId as string);
  sends[1]?.answer.resolve(message(6, ME.uid, sends[1].clientId));
  await settled();
  expect([texts(), hall.messages[0]?.delivery]).toEqual([["text 6"], "sent"]);
});

test("the newest message that is shown is told to be read, once, and again after one that was lost", async () => {
  const { hall, live, emit, answer, reads, refuseReads } = scene();
  await hall.read();
  expect(reads).toEqual([]);
  live();
  await answer(0, message(4), message(5));
  await hall.read();
  await hall.read();
  expect(reads).toEqual([[1, 5]]);
  refuseReads();
  emit("message", message(6));
  await hall.read();
  void hall.send("on its way");
  await hall.read();
  emit("message", message(7));
  await hall.read();
  expect(reads).toEqual([
    [1, 5],
    [1, 6],
    [1, 7],
  ]);
});

test("one's own message can be recalled for two minutes of the server's time, whatever this machine's clock says", async () => {
  const clock = spyOn(Date, "now");
  const sentAt = 1_700_000_000_000;
  for (const wrongByMs of [-86_400_000, -600_000, 0, 600_000, 86_400_000]) {
    const { hall, live, emit, answer } = scene();
    clock.mockReturnValue(sentAt + wrongByMs);
    live();
    emit("ready", { serverTime: sentAt });
    const mine = message(0, ME.uid);
    await answer(0, mine, message(1, 20_001));
    const [own, other] = hall.messages;
    if (!own || !other) throw new Error("nothing is shown");
    expect([hall.now, hall.canRecall(own), hall.canRecall(other)]).toEqual([sentAt, true, false]);
    clock.mockReturnValue(sentAt + wrongByMs + 119_999);
    expect(hall.canRecall(own)).toBe(true);
    clock.mockReturnValue(sentAt + wrongByMs + 120_000);
    expect(hall.canRecall(own)).toBe(false);
    void hall.send("later");
    expect(hall.messages.at(-1)?.sentAt).toBe(sentAt + 120_000);
  }
});

test("nothing can be recalled that is not sent, was recalled or is a notice; an administrator recalls all else", async () => {
  const old = message(1, 20_001);
  for (const [login, may] of [
    [ME, false],
    [{ ...ME, power: 1 as const }, true],
  ] as const) {
    const { hall, live, emit, answer } = scene(login);
    live();
    await answer(0, old, message(2, 20_001), message(3, ME.uid));
    emit("recall", { msgId: 2, roomId: 1, recallUid: 20_001 });
    void hall.send("on its way");
    const [first, second, mine, going] = hall.messages.map((one) => hall.canRecall(one));
    expect([first, second, mine, going]).toEqual([may, false, may, false]);
    const [shown] = hall.messages;
    if (shown) expect(hall.canRecall({ ...shown, kind: "notice" })).toBe(false);
  }
});

test("a recall shows when the server has done it; one that it refuses is said and changes nothing", async () => {
  const { hall, live, answer, recalls, told, texts } = scene();
  live();
  await answer(0, message(1, ME.uid), message(2, ME.uid));
  void hall.recall(1);
  await settled();
  expect(texts()).toEqual(["text 1", "text 2"]);
  recalls[0]?.answer.resolve();
  await settled();
  expect(texts()).toEqual(["The sender recalled this message", "text 2"]);
  void hall.recall(2);
  recalls[1]?.answer.reject(new ParleyError(422, { code: "recall_too_late", title: "It is too late" }));
  await settled();
  expect([texts()[1], told, recalls.map(({ id }) => id)]).toEqual(["text 2", ["It is too late."], [1, 2]]);
});

test("each message has an id of 128 random bits; one that is unknown is not sent again, one that failed can be discarded", async () => {
  const { hall, sends, texts, changes } = scene();
  for (let at = 0; at < 20; at++) void hall.send("hello");
  const ids = sends.map(({ clientId }) => clientId);
  expect(new Set(ids).size).toBe(20);
  for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  await hall.sendAgain("unknown");
  expect(sends).toHaveLength(20);
  const before = changes();
  for (const id of ids) hall.discard(id);
  expect([texts(), changes()]).toEqual([[], before + 20]);
});
