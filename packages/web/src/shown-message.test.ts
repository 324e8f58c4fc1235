import { expect, test } from "bun:test";
import { message } from "../test/conversation-scene.ts";
import { shownMessage } from "./shown-message.ts";

const of = (type: number, body: unknown) => {
  const sent = message(1);
  Object.assign(sent.message, { type, body });
  return shownMessage(sent);
};
const more = { atUidList: [5], urlContentMap: {} };
const reply = { id: 3, uid: 20_002, username: "Ben", type: 1, body: "what?", canCallback: 1, gapCount: 2 };

test("anything but plain text is shown as what it is", () => {
  expect(of(2, "Ann recalled a message")).toMatchObject({ kind: "recalled", text: "Ann recalled a message" });
  expect(of(8, "Ann is here")).toMatchObject({ kind: "notice", text: "Ann is here" });
  expect(of(100, { kind: "poll", text: "Tea?", data: 1, reply: null, ...more })).toMatchObject({ text: "Tea?" });
  for (const [type, body] of [
    [3, { url: "x" }],
    [100, { kind: "k" }],
    [1, "not a body"],
  ] as const) {
    expect(of(type, body)).toMatchObject({ kind: "other", text: "This page cannot show this kind of message" });
  }
});

test("a quotation, mentions and marks stand beside the text", () => {
  const shown = of(1, { content: "this", reply, ...more });
  expect(shown).toMatchObject({ quote: { id: 3, name: "Ben", text: "what?" }, mentions: [5] });
  const marked = message(2);
  marked.message.messageMark = { likeCount: 2, userLike: 0, dislikeCount: 1, userDislike: 1 };
  expect(shownMessage(marked).marks).toEqual({ likes: 2, dislikes: 1, mine: "dislike" });
});

test("the same message is the same object, so that its row stays; messages without a client id are told apart by their ids", () => {
  const [one, other] = [message(1, { clientId: null }), message(2, { clientId: null })];
  expect(shownMessage(one)).toBe(shownMessage(one));
  expect(shownMessage(one).key).not.toBe(shownMessage(other).key);
});
