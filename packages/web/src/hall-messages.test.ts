import { describe, expect, test } from "bun:test";
import type { Message } from "@parley/protocol";
import fc from "fast-check";
import { HallMessages } from "./hall-messages.ts";

const ME = 20_000;

function message(id: number, change: { uid?: number; clientId?: string; content?: string } = {}): Message {
  const { uid = 20_001, clientId = `client-${id}`, content = `text ${id}` } = change;
  return {
    fromUser: { uid },
    message: {
      id,
      roomId: 1,
      sendTime: 1_700_000_000_000 + id,
      type: 1,
      body: { content, urlContentMap: {}, atUidList: [], reply: null },
      messageMark: { likeCount: 0, userLike: 0, dislikeCount: 0, userDislike: 0 },
      seq: id,
      no: id,
      clientId,
    },
  };
}

const texts = (messages: HallMessages) => messages.all.map(({ text }) => text);

describe("what the server has", () => {
  test("stands in the order of its ids, each once, however it arrived", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 30 })),
        fc.array(fc.integer({ min: 1, max: 30 })),
        (page, live) => {
          const messages = new HallMessages();
          messages.reset(page.map((id) => message(id)));
          for (const id of live) messages.add(message(id));
          const ids = [...new Set([...page, ...live])].sort((a, b) => a - b);
          expect(messages.all.map(({ id }) => id)).toEqual(ids);
        },
      ),
    );
  });

  test("an earlier page goes before, without what is there already", () => {
    const messages = new HallMessages();
    messages.reset([message(5), message(6)]);
    messages.prepend([message(3), message(4), message(5)]);
    expect(texts(messages)).toEqual(["text 3", "text 4", "text 5", "text 6"]);
  });

  test("tells whether a message is new", () => {
    const messages = new HallMessages();
    expect([messages.add(message(1)), messages.add(message(1))]).toEqual([true, false]);
  });
});

describe("a message from here", () => {
  const mine = message(9, { uid: ME, clientId: "c1", content: "hello" });

  test("keeps its place at the end and its key until the server has it", () => {
    const messages = new HallMessages();
    messages.sending({ uid: ME, clientId: "c1", text: "hello", at: 1 });
    const key = messages.all[0]?.key;
    messages.add(message(8));
    expect(messages.all.map(({ delivery }) => delivery)).toEqual(["sent", "sending"]);
    messages.add(mine);
    messages.add(mine);
    expect(messages.all).toHaveLength(2);
    expect(messages.all[1]).toMatchObject({ key, delivery: "sent", id: 9 });
  });

  test("that failed says why, can be sent again and discarded", () => {
    const messages = new HallMessages();
    messages.sending({ uid: ME, clientId: "c1", text: "hello", at: 1 });
    messages.failed("c1", "No connection.");
    expect(messages.all[0]).toMatchObject({ delivery: "failed", error: "No connection." });
    messages.sending({ uid: ME, clientId: "c1", text: "hello", at: 2 });
    expect(messages.all).toHaveLength(1);
    expect(messages.all[0]).toMatchObject({ delivery: "sending" });
    messages.discard("c1");
    expect(messages.all).toEqual([]);
  });

  test("survives a reload of the history while it is on its way", () => {
    const messages = new HallMessages();
    messages.sending({ uid: ME, clientId: "c1", text: "hello", at: 1 });
    messages.reset([message(1)]);
    expect(texts(messages)).toEqual(["text 1", "hello"]);
  });
});

describe("a recall", () => {
  test("leaves nothing of the text, and a late copy of the message does not bring it back", () => {
    const messages = new HallMessages();
    messages.reset([message(1, { content: "secret" })]);
    messages.recall({ msgId: 1, recallUid: 20_001 });
    messages.add(message(1, { content: "secret" }));
    expect(messages.all[0]).toMatchObject({ kind: "recalled", text: "The sender recalled this message" });
    expect(JSON.stringify(messages.all)).not.toContain("secret");
  });

  test("by an administrator says so", () => {
    const messages = new HallMessages();
    messages.reset([message(1)]);
    messages.recall({ msgId: 1, recallUid: ME });
    expect(texts(messages)).toEqual(["An administrator recalled this message"]);
  });

  test("of a message that is not on this page does nothing", () => {
    const messages = new HallMessages();
    messages.reset([message(1)]);
    messages.recall({ msgId: 2, recallUid: ME });
    messages.replace(message(3));
    expect(texts(messages)).toEqual(["text 1"]);
  });
});

test("an update replaces what is shown", () => {
  const messages = new HallMessages();
  messages.reset([message(1)]);
  messages.replace(message(1, { content: "with a link card" }));
  expect(texts(messages)).toEqual(["with a link card"]);
});
