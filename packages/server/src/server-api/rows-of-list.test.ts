import { expect, test } from "bun:test";
import { CAPS } from "../limits/caps.ts";
import { rowsOfList } from "./rows-of-list.ts";
import type { ProductMessage } from "./send-writes.ts";

const message = (more: Partial<ProductMessage>): ProductMessage => ({
  ...{ room: "a", direct: null, from: null, clientId: "c", type: 1, stored: {}, replyTo: null, mentions: [] },
  ...more,
});
const rows = (messages: ProductMessage[]) =>
  rowsOfList({ by: "key 1", keyId: 1, hall: { access: "members", send: "everyone" }, messages });

test("HTTP-17: a list counts its messages, and each room and sender once, whatever they are called", () => {
  expect(rows([message({})])).toBe(5);
  expect(rows(Array.from({ length: 100 }, () => message({})))).toBe(203);
  // A text and a number are not the same room.
  expect(rows([message({ room: "7" }), message({ room: 7 }), message({ room: 7, from: "7" })])).toBe(15);
});

test("HTTP-17: the largest list fits into a batch with others", () => {
  const directs = Array.from({ length: 100 }, (_, n) => message({ room: null, direct: [n + 1, n + 2] }));
  expect(rows(directs)).toBeLessThan(CAPS.batchRows.count);
  const rooms = Array.from({ length: 100 }, (_, n) => message({ room: n + 1 }));
  expect(rows(rooms)).toBe(500);
});
