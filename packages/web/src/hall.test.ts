import { expect, test } from "bun:test";
import { ParleyError } from "@parley/client";
import type { Message } from "@parley/protocol";
import { Hall } from "./hall.ts";

const ME = { token: "pl_1", uid: 20_000, name: "Me", power: 0 as const };

function message(id: number, uid = 20_001, clientId = `client-${id}`): Message {
  return {
    fromUser: { uid },
    message: {
      id,
      roomId: 1,
      sendTime: 1_700_000_000_000 + id,
      type: 1,
      body: { content: `text ${id}`, urlContentMap: {}, atUidList: [], reply: null },
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: id,
      no: id,
      clientId,
    },
  };
}

/** A hall whose client does what the test says. */
function scene() {
  const handlers = new Map<string, (data: unknown) => void>();
  const pages: PromiseWithResolvers<unknown>[] = [];
  const sends: { text: string; clientId: string; answer: PromiseWithResolvers<Message> }[] = [];
  const told: string[] = [];
  let arrived = 0;
  const client = {
    on: (name: string, handler: (data: unknown) => void) => handlers.set(name, handler),
    request: () => {
      pages.push(Promise.withResolvers());
      return pages.at(-1)?.promise;
    },
    send: (_roomId: number, text: string, { clientId }: { clientId: string }) => {
      sends.push({ text, clientId, answer: Promise.withResolvers() });
      return sends.at(-1)?.answer.promise;
    },
  };
  const hall = new Hall({
    client: client as never,
    login: ME,
    changed: () => {},
    arrived: () => void arrived++,
    tell: (problem) => void told.push(problem),
  });
  const emit = (name: string, data: unknown) => handlers.get(name)?.(data);
  const answer = async (at: number, ...items: Message[]) => {
    pages[at]?.resolve({ items, nextCursor: null });
    await settled();
  };
  const texts = () => hall.messages.map(({ text }) => text);
  return { hall, emit, answer, pages, sends, told, texts, arrived: () => arrived };
}

/** What was answered has had its effect. */
const settled = () => new Promise((resolve) => setImmediate(resolve));

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

test("what cannot be read is said", async () => {
  const { hall, emit, pages, told } = scene();
  emit("state", { kind: "live", transport: "websocket" });
  pages[0]?.reject(new ParleyError(0));
  await settled();
  hall.stop();
  expect(told).toEqual(["The server cannot be reached."]);
});
