import { describe, expect, test } from "bun:test";
import { ParleyError } from "@parley/client";
import { ME, message, SENT_AT, scene, settled } from "../test/conversation-scene.ts";

describe("a message from here", () => {
  test("stands at the end, and in its place with the same key once the server has it", async () => {
    const { conversation, shown, sends, texts } = scene();
    shown.window.items = [message(1)];
    void conversation.send("text 6");
    const [, going] = conversation.messages;
    expect([texts(), going?.delivery, going?.sentAt]).toEqual([["text 1", "text 6"], "sending", SENT_AT]);
    const clientId = sends[0]?.more.clientId as string;
    sends[0]?.answer.resolve(message(6, { uid: ME.uid, clientId }));
    await settled();
    expect(conversation.messages[1]).toMatchObject({ key: going?.key as string, delivery: "sent", id: 6 });
    shown.window.items = [message(1), message(6, { uid: ME.uid, clientId }), message(7)];
    expect(texts()).toEqual(["text 1", "text 6", "text 7"]);
  });

  test("that was refused says why, is tried again as the same message, or discarded", async () => {
    const { conversation, sends, texts, changes } = scene();
    void conversation.send("text 6");
    sends[0]?.answer.reject(new ParleyError(403, { code: "forbidden", detail: "Not now" }));
    await settled();
    const [failed] = conversation.messages;
    expect([failed?.delivery, failed?.error]).toEqual(["failed", "Not now."]);
    void conversation.sendAgain(failed?.clientId ?? "");
    expect(conversation.messages.map(({ delivery }) => delivery)).toEqual(["sending"]);
    expect(sends[1]?.more.clientId).toBe(sends[0]?.more.clientId as string);
    const before = changes();
    conversation.discard(failed?.clientId ?? "");
    expect([texts(), changes()]).toEqual([[], before + 1]);
    await conversation.sendAgain("unknown");
    expect(sends).toHaveLength(2);
  });

  test("has an id of 128 random bits", () => {
    const { conversation, sends } = scene();
    for (let at = 0; at < 20; at++) void conversation.send("hello");
    const ids = sends.map(({ more }) => more.clientId as string);
    expect(new Set(ids).size).toBe(20);
    for (const id of ids) expect(id).toMatch(/^[0-9a-f]{32}$/);
  });

  test("is shown once where its event comes before its answer, and goes where it lies beyond what is shown", async () => {
    const { conversation, shown, sends, texts } = scene();
    void conversation.send("text 9");
    const clientId = sends[0]?.more.clientId as string;
    shown.window.items = [message(9, { uid: ME.uid, clientId })];
    expect(texts()).toEqual(["text 9"]);
    sends[0]?.answer.resolve(message(9, { uid: ME.uid, clientId }));
    await settled();
    shown.room.seq = 9;
    shown.window.items = [message(1)];
    expect(texts()).toEqual(["text 1"]);
  });

  test("names what it answers and whom it mentions", () => {
    const { conversation, shown, sends } = scene();
    shown.members = [
      { uid: 20_001, name: "Ann Chovy" },
      { uid: 20_002, name: "Ben" },
      { uid: ME.uid, name: "Me" },
    ];
    void conversation.send("hi @Ben and @Me, @all", { id: 3, name: "Ben", text: "?" });
    shown.room.role = 2;
    void conversation.send("lunch, @all!");
    void conversation.send("call@allmail.example");
    expect(sends.map(({ more: { clientId: _, ...more } }) => more)).toEqual([
      { replyTo: 3, mentions: [20_002] },
      { mentions: "all" },
      {},
    ]);
  });
});

describe("what was read", () => {
  test("is told once, up to the newest message that is shown, and again after one that was lost", async () => {
    const { conversation, shown, reads, refuseReads } = scene();
    await conversation.read();
    shown.window.items = [message(4), message(5)];
    await conversation.read();
    await conversation.read();
    refuseReads();
    shown.window.items = [message(6)];
    await conversation.read();
    void conversation.send("on its way");
    await conversation.read();
    shown.window.items = [message(6), message(7)];
    await conversation.read();
    expect(reads).toEqual([
      [7, 5],
      [7, 6],
      [7, 7],
    ]);
  });

  test("is not told where another device has read further, newer messages are not shown, or the room was left", async () => {
    const { conversation, shown, reads } = scene();
    shown.window.items = [message(5)];
    shown.room.readSeq = 5;
    await conversation.read();
    Object.assign(shown.window, { items: [message(6)], hasNewer: true });
    await conversation.read();
    Object.assign(shown.window, { hasNewer: false });
    shown.room.isListed = false;
    await conversation.read();
    expect(reads).toEqual([]);
  });
});

test("the user's own message can be recalled for two minutes of the server's time", () => {
  const { conversation, shown } = scene();
  shown.window.items = [message(0, { uid: ME.uid }), message(1)];
  const may = () => conversation.messages.map((one) => conversation.canRecall(one));
  expect(may()).toEqual([true, false]);
  shown.now = SENT_AT + 119_999;
  expect(may()).toEqual([true, false]);
  shown.now = SENT_AT + 120_000;
  expect(may()).toEqual([false, false]);
});

test("nothing can be recalled that is not sent, was recalled or is a notice; an administrator recalls all else", () => {
  for (const [login, may] of [
    [ME, false],
    [{ ...ME, power: 1 as const }, true],
  ] as const) {
    const { conversation, shown } = scene({ login });
    const recalled = message(2);
    Object.assign(recalled.message, { type: 2, body: "The sender recalled this message" });
    const notice = message(3);
    Object.assign(notice.message, { type: 8, body: "Ann is here" });
    shown.window.items = [message(1), recalled, notice, message(4, { uid: ME.uid })];
    void conversation.send("on its way");
    expect(conversation.messages.map((one) => conversation.canRecall(one))).toEqual([may, false, false, true, false]);
  }
});

test("what the server refuses is said", async () => {
  const { conversation, acts, told } = scene();
  void conversation.recall(1);
  void conversation.mark(2, "like", false);
  void conversation.mark(2, "like", true);
  expect(acts.map(({ name, args }) => [name, ...args])).toEqual([
    ["recall", 1],
    ["mark", 2, "like"],
    ["unmark", 2, "like"],
  ]);
  acts[0]?.answer.reject(new ParleyError(422, { code: "recall_too_late", title: "It is too late" }));
  acts[1]?.answer.resolve();
  await settled();
  expect(told).toEqual(["It is too late."]);
});

test("members may write, where not only the owner and admins may", () => {
  const { conversation, shown } = scene();
  const may = (change: object) => {
    Object.assign(shown.room, change);
    return [conversation.canWrite, conversation.canMentionAll];
  };
  expect(may({})).toEqual([true, false]);
  expect(may({ muteAll: true })).toEqual([false, false]);
  expect(may({ role: 2 })).toEqual([true, true]);
  expect(may({ isListed: false })).toEqual([false, true]);
});

test("typing is told once in three seconds", () => {
  const { conversation, acts } = scene();
  for (let at = 0; at < 5; at++) conversation.typing();
  expect(acts.map(({ name }) => name)).toEqual(["typing"]);
});

test("a conversation reads its room until it stops; the hall's members are everybody and are not read", () => {
  const { conversation, watched } = scene();
  expect(watched).toEqual({ messages: 1, members: 1, receipts: 1 });
  conversation.stop();
  expect(watched).toEqual({ messages: 0, members: 0, receipts: 0 });
  expect(scene({ roomId: 1 }).watched).toEqual({ messages: 1, members: 0, receipts: 0 });
});
