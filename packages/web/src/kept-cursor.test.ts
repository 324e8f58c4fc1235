import { expect, test } from "bun:test";
import { KeptCursor } from "./kept-cursor.ts";

const EPOCH = "0123456789abcdef";

test("before the server's first cursor there is nothing to resume from", () => {
  const cursor = new KeptCursor();
  cursor.saw("room:1", 3);
  expect(cursor.text).toBeUndefined();
});

test("events are added to the server's cursor, and its next one takes their place", () => {
  const cursor = new KeptCursor();
  cursor.take(`${EPOCH};*@10,room:1@4`);
  expect(cursor.saw("room:1", 5)).toBe(true);
  expect(cursor.saw("user:20000", 2)).toBe(true);
  expect(cursor.text).toBe(`${EPOCH};*@10,room:1@5,user:20000@2`);
  cursor.take(`${EPOCH};*@20`);
  expect(cursor.text).toBe(`${EPOCH};*@20`);
});

test("an event that came before is known", () => {
  const cursor = new KeptCursor();
  cursor.take(`${EPOCH};*@10,room:1@4`);
  expect(cursor.saw("room:1", 4)).toBe(false);
  expect(cursor.saw("room:1", 5)).toBe(true);
  expect(cursor.saw("room:1", 5)).toBe(false);
});

test("a stream that the server moves goes on from there, also when that is further back", () => {
  const cursor = new KeptCursor();
  cursor.take(`${EPOCH};*@10,room:1@40`);
  cursor.goOnAfter("room:1", 7);
  expect(cursor.saw("room:1", 8)).toBe(true);
  expect(cursor.text).toBe(`${EPOCH};*@10,room:1@8`);
});
