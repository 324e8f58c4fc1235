import { expect, test } from "bun:test";
import { ME, message } from "../test/conversation-scene.ts";
import { Outgoing } from "./outgoing.ts";

const draft = (clientId: string, roomId = 7) => ({
  ...{ roomId, uid: ME.uid, clientId, text: clientId, at: 1, quote: null, mentions: [] },
});
const texts = (outgoing: Outgoing, sent = [message(1)], roomId = 7) =>
  outgoing.behind(roomId, sent, 1).map(({ text }) => text);

test("each room has its own, in the order in which they were written", () => {
  const outgoing = new Outgoing();
  for (const [clientId, roomId] of [
    ["a", 7],
    ["b", 8],
    ["c", 7],
  ] as const)
    outgoing.sending(draft(clientId, roomId));
  expect([texts(outgoing), texts(outgoing, [], 8)]).toEqual([["text 1", "a", "c"], ["b"]]);
});

test("of several on their way only the one that is meant fails or is discarded", () => {
  const outgoing = new Outgoing();
  for (const clientId of ["a", "b"]) outgoing.sending(draft(clientId));
  outgoing.failed("a", "No.");
  expect(outgoing.behind(7, [], 0).map(({ delivery }) => delivery)).toEqual(["failed", "sending"]);
  outgoing.discard("a");
  expect(texts(outgoing, [])).toEqual(["b"]);
});

test("somebody else's message with the same client id is another one", () => {
  const outgoing = new Outgoing();
  outgoing.sending(draft("a"));
  const shown = outgoing.behind(7, [message(1, { clientId: "a" })], 1);
  expect(new Set(shown.map(({ key }) => key)).size).toBe(2);
});

test("one whose event has come does not come back when the page of it is left", () => {
  const outgoing = new Outgoing();
  outgoing.sending(draft("a"));
  outgoing.sent("a", message(1, { uid: ME.uid, clientId: "a" }));
  expect(texts(outgoing, [message(1, { uid: ME.uid, clientId: "a" })])).toEqual(["text 1"]);
  expect(texts(outgoing, [])).toEqual([]);
});

test("one whose event has come while another page was shown does not stand at its end", () => {
  const outgoing = new Outgoing();
  outgoing.sending(draft("a"));
  outgoing.sent("a", message(9, { uid: ME.uid, clientId: "a" }));
  expect(outgoing.behind(7, [message(1)], 8).map(({ text }) => text)).toEqual(["text 1", "text 9"]);
  expect(outgoing.behind(7, [message(1)], 9).map(({ text }) => text)).toEqual(["text 1"]);
});
