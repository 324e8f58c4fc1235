import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ClientCursor } from "./client-cursor.ts";
import { Delivery } from "./delivery.ts";
import type { PushFrame } from "./push-frame.ts";

const EPOCH = "0123456789abcdef";

function rig() {
  const cursor = new ClientCursor(`${EPOCH};*@100`);
  const got: string[] = [];
  const delivery = new Delivery(cursor, ({ stream, seq }) => got.push(`${stream}@${seq} while ${cursor.text}`));
  const event = (stream: string, seq: number, what: { type?: number; data?: object } = {}) =>
    delivery.deliver({ type: Push.RECALL, data: {}, ...what, stream, seq } as PushFrame);
  const joined = (seq: number, uid: number, more: object = {}) =>
    event("room:2", seq, { type: Push.MEMBER_CHANGE, data: { roomId: 2, uid, changeType: 1, ...more } });
  return { cursor, got, event, joined, delivery };
}

test("SDK-1: a repeated event is dropped, a stream begins at any seq, the cursor names what was had", () => {
  const { cursor, got, event } = rig();
  expect([event("room:2", 8), event("room:2", 8), event("room:2", 7), event("room:2", 9)]).toEqual(Array(4).fill(true));
  expect(got).toEqual([`room:2@8 while ${EPOCH};*@100`, `room:2@9 while ${EPOCH};*@100,room:2@8`]);
  cursor.take(`${EPOCH};*@105`);
  expect(cursor.text).toBe(`${EPOCH};*@105`);
  expect(event("room:2", 9)).toBe(true);
  expect(got).toHaveLength(2);
});

test("SDK-5: a missing event ends the connection once; where it is missing again there is none", () => {
  const { got, event, cursor } = rig();
  expect([event("room:2", 8), event("room:2", 10)]).toEqual([true, false]);
  expect(cursor.text).toBe(`${EPOCH};*@100,room:2@8`);
  expect(event("room:2", 10)).toBe(true);
  expect(event("room:2", 12)).toBe(false);
  expect(got).toHaveLength(2);
});

test("SDK-5: where a stream goes back, what is missing there is asked for again", () => {
  const { event, cursor } = rig();
  expect([event("room:2", 8), event("room:2", 10), event("room:2", 9), event("room:2", 10)]).toEqual([
    true,
    false,
    true,
    true,
  ]);
  cursor.goOnAfter("room:2", 8);
  expect(event("room:2", 10)).toBe(false);
});

test("SDK-5: a user who comes back to a room goes on at the joining", () => {
  const { got, event, joined, delivery } = rig();
  delivery.deliver({ type: Push.LOGIN_SUCCESS, data: { uid: 1, name: "", avatar: "", token: "", power: 0 } });
  got.length = 0;
  expect([event("room:2", 8), joined(30, 1), event("room:2", 31)]).toEqual([true, true, true]);
  expect(got).toHaveLength(3);
});

test("SDK-5: the joining of somebody else hides nothing, nor does the reader's while it is not known who reads", () => {
  const { got, event, joined } = rig();
  expect(event("room:2", 5)).toBe(true);
  expect(joined(8, 7)).toBe(false);
  expect([event("room:2", 6), event("room:2", 7), joined(8, 7)]).toEqual([true, true, true]);
  expect(joined(20, 1)).toBe(false);
  expect(joined(20, 1)).toBe(true);
  // The own stream tells who reads, on transports without LOGIN_SUCCESS.
  expect(event("user:1", 3, { type: Push.SELF })).toBe(true);
  expect(joined(30, 4, { uids: [4, 1] })).toBe(true);
  expect(joined(40, 4, { uids: [4, 5] })).toBe(false);
  expect(got).toHaveLength(7);
  // Nor does the reader's leaving.
  expect(event("room:3", 5)).toBe(true);
  expect(event("room:3", 9, { type: Push.MEMBER_CHANGE, data: { roomId: 3, uid: 1, changeType: 2 } })).toBe(false);
});

test("SDK-47: after another beginning it is not known who reads, until somebody says so", () => {
  const { event, joined, delivery } = rig();
  expect([event("user:1", 3, { type: Push.SELF }), event("room:2", 5)]).toEqual([true, true]);
  delivery.begin();
  expect(joined(8, 1)).toBe(false);
  expect(event("user:7", 3, { type: Push.SELF })).toBe(true);
  expect(joined(8, 7)).toBe(true);
});

test("SDK-1: a server's cursor from before what is had changes nothing; another epoch begins anew", () => {
  const cursor = new ClientCursor(`${EPOCH};*@100`);
  cursor.saw("room:2", 8);
  cursor.take(`${EPOCH};*@90`);
  cursor.take(`${EPOCH};*@100,room:3@4`);
  expect(cursor.text).toBe(`${EPOCH};*@100,room:3@4,room:2@8`);
  cursor.take("fedcba9876543210;*@3");
  expect(cursor.text).toBe("fedcba9876543210;*@3");
  expect(cursor.seen("room:2")).toBeUndefined();
});

test("SDK-1: a server's cursor that names less of a stream than was handed over forgets nothing of it", () => {
  const { cursor, got, event } = rig();
  event("room:2", 8);
  event("room:2", 9);
  cursor.take(`${EPOCH};*@105,room:2@8,room:3@4`);
  expect([cursor.seen("room:2"), cursor.seen("room:3")]).toEqual([9, 4]);
  expect([event("room:2", 9), event("room:3", 4), got.length]).toEqual([true, true, 2]);
});

test("SDK-2: what state contains is named until the server has taken it into a cursor of its own, also at the same floor", () => {
  const cursor = new ClientCursor(`${EPOCH};*@100`);
  cursor.stateHas("room:2", 8);
  cursor.stateHas("room:3", 0);
  expect(cursor.text).toBe(`${EPOCH};*@100,room:2@8`);
  cursor.take(`${EPOCH};*@90`);
  expect(cursor.text).toBe(`${EPOCH};*@100,room:2@8`);
  cursor.take(`${EPOCH};*@100`);
  expect(cursor.text).toBe(`${EPOCH};*@100`);
  expect(cursor.seen("room:2")).toBe(8);
});

test("SDK-1: a cursor that would be too long is the server's; what comes again is known by its seq", () => {
  const cursor = new ClientCursor(`${EPOCH};*@100`);
  for (let room = 1; room < 10_000; room++) cursor.saw(`room:${room}`, 5);
  expect(cursor.text).toBe(`${EPOCH};*@100`);
  expect(cursor.seen("room:77")).toBe(5);
});
