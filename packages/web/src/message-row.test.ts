import { expect, test } from "bun:test";
import { belongsTogether, looksSame } from "./message-row.ts";
import { NO_MARKS, type ShownMessage } from "./shown-message.ts";

const AT = new Date(2026, 4, 20, 12, 0).getTime();
const message = (change: Partial<ShownMessage> = {}): ShownMessage => ({
  key: "k",
  uid: 20_001,
  id: 1,
  seq: 1,
  clientId: "c",
  sentAt: AT,
  kind: "text",
  text: "hello",
  quote: null,
  mentions: [],
  marks: NO_MARKS,
  delivery: "sent",
  ...change,
});

test.each([
  ["at the same moment", {}, {}, true],
  ["just within five minutes", {}, { sentAt: AT + 299_999 }, true],
  ["five minutes later", {}, { sentAt: AT + 300_000 }, false],
  ["by somebody else", {}, { uid: 20_002 }, false],
  ["after a notice", { kind: "notice" }, {}, false],
  ["which is a notice", {}, { kind: "notice" }, false],
  ["after one that was recalled", { kind: "recalled" }, {}, true],
  ["on the next day", { sentAt: AT + 43_190_000 }, { sentAt: AT + 43_210_000 }, false],
] as const)("a message belongs with the one before: %s", (_, before, after, together) => {
  expect(belongsTogether(message(before), message(after))).toBe(together);
});

test("the first message of all belongs with none", () => {
  expect(belongsTogether(undefined, message())).toBe(false);
});

test("a row is drawn again for whatever it shows, and for nothing else", () => {
  const more = { canAnswer: true, forMe: false, receipt: undefined, readers: undefined };
  const drawn = { message: message(), name: "Ann", own: false, first: true, day: "Today", canRecall: true, ...more };
  expect(looksSame(drawn, { ...drawn })).toBe(true);
  const others = [
    { message: message() },
    { name: "Anna" },
    { name: undefined },
    { own: true },
    { first: false },
    { day: undefined },
    { canRecall: false },
    { canAnswer: false },
    { forMe: true },
    { receipt: "Read by 2" },
    { readers: "Ann, Ben" },
  ];
  for (const other of others) expect(looksSame(drawn, { ...drawn, ...other })).toBe(false);
});
