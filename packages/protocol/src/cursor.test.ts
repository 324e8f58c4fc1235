import { expect, test } from "bun:test";
import fc from "fast-check";
import { CursorMalformed, floorOf, formatCursor, parseCursor } from "./cursor.ts";

const number = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER });
const id = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const stream = fc.oneof(
  fc.constant("all"),
  id.map((n) => `room:${n}`),
  id.map((n) => `user:${n}`),
);
const epoch = fc.stringMatching(/^[0-9a-f]{16}$/);
const cursor = fc.record({
  epoch,
  floor: fc.option(number, { nil: undefined }),
  streams: fc
    .uniqueArray(fc.tuple(stream, number), { selector: ([name]) => name, maxLength: 50 })
    .map((rows) => new Map(rows)),
});

test("CUR-1 a cursor that was written is read back the same", () => {
  fc.assert(fc.property(cursor, (value) => expect(parseCursor(formatCursor(value))).toEqual(value)));
});

test("CUR-1 the floor of a cursor is found without the rest of it", () => {
  fc.assert(fc.property(cursor, (value) => expect(floorOf(formatCursor(value))).toBe(value.floor ?? 0)));
});

test("CUR-1 any text is either a cursor or refused, never an accident", () => {
  const nearly = fc.oneof(
    fc.string(),
    cursor.chain((value) => mutated(formatCursor(value))),
  );
  fc.assert(
    fc.property(nearly, (text) => {
      try {
        expect(formatCursor(parseCursor(text)).split(",").sort()).toEqual(text.split(",").sort());
      } catch (error) {
        if (!(error instanceof CursorMalformed)) throw error;
      }
    }),
    { numRuns: 2000 },
  );
});

function mutated(text: string): fc.Arbitrary<string> {
  return fc
    .tuple(fc.nat(text.length), fc.constantFrom("", ",", ";", "@", "0", "-", " ", "*@1", "room:", "é"))
    .map(([at, put]) => text.slice(0, at) + put + text.slice(at + 1));
}

const E = "0123456789abcdef";

for (const [text, why] of [
  ["", "empty"],
  ["*@1", "no epoch"],
  [`${E}`, "no semicolon"],
  [`${E.toUpperCase()};*@1`, "epoch in capitals"],
  [`${E};*@1,*@2`, "two floors"],
  [`${E};room:1@1,room:1@2`, "a stream twice"],
  [`${E};room:0@1`, "room 0"],
  [`${E};room:01@1`, "leading zero"],
  [`${E};room:1@01`, "leading zero in the number"],
  [`${E};room:1@-1`, "negative"],
  [`${E};room:1@1.5`, "not whole"],
  [`${E};room:1@9007199254740992`, "beyond 2^53 - 1"],
  [`${E};internal@1`, "a stream no client reads"],
  [`${E};room:1@1,`, "trailing comma"],
  [`${E};${"room:1@1,".repeat(8000)}`, "over 64 KiB"],
] as const) {
  test(`CUR-1 refused: ${why}`, () => expect(() => parseCursor(text)).toThrow(CursorMalformed));
}

test("CUR-1 an empty list of entries is a cursor", () => {
  expect(parseCursor(`${E};`)).toEqual({ epoch: E, floor: undefined, streams: new Map() });
});
