import { describe, expect, test } from "bun:test";
import { CursorMalformed, floorCursor, LIMITS } from "@parley/protocol";
import { ClientCursor } from "./client-cursor.ts";

const EPOCH = "0123456789abcdef";
const OTHER = "fedcba9876543210";
const at = (floor: number, ...named: string[]) => [floorCursor(EPOCH, floor), ...named].join(",");

describe("SDK-2: what a client has", () => {
  test("is nothing before the first cursor, and nothing else than a cursor may be stored", () => {
    const cursor = new ClientCursor();
    cursor.saw("room:1", 3);
    expect([cursor.text, cursor.seen("room:1"), cursor.seen("room:2")]).toEqual([undefined, 3, undefined]);
    expect(() => new ClientCursor("yesterday")).toThrow(CursorMalformed);
  });

  test("is the server's cursor, and each stream that brought something since", () => {
    const cursor = new ClientCursor(at(5, "room:1@2"));
    expect([cursor.text, cursor.seen("room:1")]).toEqual([at(5, "room:1@2"), 2]);
    cursor.saw("room:2", 7);
    cursor.saw("room:1", 3);
    cursor.saw("room:2", 8);
    expect(cursor.text).toBe(at(5, "room:1@3", "room:2@8"));
    cursor.take(at(9));
    expect([cursor.text, cursor.seen("room:1"), cursor.seen("room:2")]).toEqual([at(9), 3, 8]);
    cursor.saw("room:2", 9);
    expect(cursor.text).toBe(at(9, "room:2@9"));
  });

  test("stays where the server's cursor lies before it, and names what came since where its floor is the same", () => {
    const cursor = new ClientCursor(at(5));
    cursor.saw("room:1", 3);
    cursor.take(at(4, "room:9@9"));
    expect([cursor.text, cursor.seen("room:9")]).toEqual([at(5, "room:1@3"), undefined]);
    cursor.take(at(5, "room:2@6"));
    expect([cursor.text, cursor.seen("room:2")]).toEqual([at(5, "room:2@6", "room:1@3"), 6]);
    // A cursor without a floor is before every other one.
    cursor.take(`${EPOCH};room:1@9`);
    expect(cursor.text).toBe(at(5, "room:2@6", "room:1@3"));
  });

  test("a cursor that names an earlier seq of a stream makes no event new", () => {
    const cursor = new ClientCursor(at(5));
    cursor.saw("room:1", 3);
    cursor.take(at(6, "room:1@2"));
    expect([cursor.text, cursor.seen("room:1")]).toEqual([at(6, "room:1@2"), 3]);
    cursor.take(at(7, "room:1@4"));
    expect(cursor.seen("room:1")).toBe(4);
  });

  test("a cursor of another database takes the place of everything", () => {
    const cursor = new ClientCursor(at(5));
    cursor.saw("room:1", 3);
    cursor.stateHas("room:2", 4);
    cursor.take(`${OTHER};*@1,room:3@1`);
    expect([cursor.text, cursor.seen("room:1"), cursor.seen("room:2"), cursor.seen("room:3")]).toEqual([
      `${OTHER};*@1,room:3@1`,
      undefined,
      undefined,
      1,
    ]);
  });

  test("a cursor that would be too long is the server's last one", () => {
    const cursor = new ClientCursor(at(5));
    const stream = (n: number) => `room:${100_000_000_000_000 + n}`;
    const entry = `,${stream(0)}@1`.length;
    const fitting = Math.floor((LIMITS.cursorBytes - at(5).length) / entry);
    for (let n = 0; n < fitting; n++) cursor.saw(stream(n), 1);
    expect(cursor.text).toHaveLength(at(5).length + fitting * entry);
    // To the last character.
    const rest = LIMITS.cursorBytes - at(5).length - fitting * entry;
    cursor.saw(stream(0), 10 ** rest);
    expect(cursor.text).toHaveLength(LIMITS.cursorBytes);
    cursor.saw(stream(1), 10);
    expect(cursor.text).toBe(at(5));
  });
});

describe("SDK-31: state that was read anew", () => {
  test("is named until a cursor of the server covers it; a stream without events is not", () => {
    const cursor = new ClientCursor(at(5));
    cursor.stateHas("room:1", 4);
    cursor.stateHas("room:2", 0);
    expect([cursor.text, cursor.seen("room:1"), cursor.seen("room:2")]).toEqual([at(5, "room:1@4"), 4, 0]);
    // The same floor says nothing new about what came since, but it was given after the state was read.
    cursor.take(at(5));
    expect(cursor.text).toBe(at(5));
  });

  test("may lie before what was seen, and then events go on behind it", () => {
    const cursor = new ClientCursor(at(5));
    cursor.saw("room:1", 9);
    cursor.goOnAfter("room:1", 4);
    expect([cursor.text, cursor.seen("room:1")]).toEqual([at(5, "room:1@4"), 4]);
    cursor.stateHas("room:1", 2);
    expect(cursor.seen("room:1")).toBe(2);
  });

  test("with its own cursor nothing earlier counts", () => {
    const cursor = new ClientCursor(at(5));
    cursor.saw("room:1", 9);
    cursor.stateHas("room:2", 7);
    cursor.restart(at(3, "room:3@1"));
    expect([cursor.text, cursor.seen("room:1"), cursor.seen("room:2"), cursor.seen("room:3")]).toEqual([
      at(3, "room:3@1"),
      undefined,
      undefined,
      1,
    ]);
  });
});
