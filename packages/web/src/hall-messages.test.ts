import { describe, expect, test } from "bun:test";
import type { Message } from "@parley/protocol";
import fc from "fast-check";
import { HallMessages } from "./hall-messages.ts";

const ME = 20_000;

function message(id: number, change: { uid?: number; clientId?: string | null; content?: string } = {}): Message {
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

describe("what is no plain text", () => {
  const of = (type: number, body: unknown) => {
    const shown = message(1);
    Object.assign(shown.message, { type, body });
    const messages = new HallMessages();
    messages.add(shown);
    return messages.all[0];
  };

  test("is shown as what it is", () => {
    expect(of(2, "Ann recalled a message")).toMatchObject({ kind: "recalled", text: "Ann recalled a message" });
    expect(of(8, "Ann is here")).toMatchObject({ kind: "notice", text: "Ann is here" });
    for (const [type, body] of [
      [3, { url: "x" }],
      [100, { kind: "k" }],
      [1, "not a body"],
    ] as const) {
      expect(of(type, body)).toMatchObject({ kind: "other", text: "A message of a kind that this page does not show" });
    }
  });
});

test("a new page takes the place of the older one", () => {
  const messages = new HallMessages();
  messages.reset([message(1), message(2)]);
  messages.reset([message(8)]);
  expect(texts(messages)).toEqual(["text 8"]);
});

test("messages without a client id are told apart by their ids", () => {
  const messages = new HallMessages();
  for (const id of [1, 2]) messages.add(message(id, { clientId: null }));
  expect(new Set(messages.all.map(({ key }) => key)).size).toBe(2);
});

test("somebody else's message with the same client id is another one", () => {
  const messages = new HallMessages();
  messages.sending({ uid: ME, clientId: "c1", text: "mine", at: 1 });
  messages.add(message(1, { uid: 20_001, clientId: "c1", content: "theirs" }));
  expect(texts(messages)).toEqual(["theirs", "mine"]);
  expect(new Set(messages.all.map(({ key }) => key)).size).toBe(2);
});

test("of several on their way only the one that is meant fails or is discarded", () => {
  const messages = new HallMessages();
  for (const clientId of ["c1", "c2"]) messages.sending({ uid: ME, clientId, text: clientId, at: 1 });
  messages.failed("c1", "No.");
  expect(messages.all.map(({ delivery }) => delivery)).toEqual(["failed", "sending"]);
  messages.discard("c1");
  expect(texts(messages)).toEqual(["c2"]);
});

test("an update keeps the place of a message on the page, and who recalled it", () => {
  const messages = new HallMessages();
  messages.reset([message(1)]);
  messages.recall({ msgId: 1, recallUid: 20_001 });
  const { key } = messages.all[0] ?? {};
  messages.replace(message(1, { clientId: null }));
  expect(messages.all[0]).toMatchObject({ key, recalledBy: 20_001 });
});
