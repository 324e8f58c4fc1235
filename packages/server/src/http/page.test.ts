import { describe, expect, test } from "bun:test";
import { ProblemError } from "../lib/problem.ts";
import { limitParam } from "./openapi.ts";
import { cursorParam, parseNumberCursor, parseTextCursor, textCursor } from "./page.ts";

const read = (schema: typeof cursorParam | typeof limitParam, text: unknown) => {
  const parsed = schema.safeParse(text);
  return parsed.success ? parsed.data : parsed.error.issues[0]?.message;
};

/** What a refused cursor says, by its code and the field that it names. */
function refused(act: () => unknown): unknown {
  try {
    return act();
  } catch (error) {
    if (!(error instanceof ProblemError)) throw error;
    const { errors } = (error.extra ?? {}) as { errors?: { path: string }[] };
    return [error.code, errors?.[0]?.path];
  }
}

describe("a cursor of a list", () => {
  test("may have 512 characters, and counts as none where it is empty", () => {
    expect(read(cursorParam, "x".repeat(512))).toBe("x".repeat(512));
    expect(read(cursorParam, "x".repeat(513))).toBe("is not a cursor that this list gave");
    expect([read(cursorParam, ""), read(cursorParam, undefined)]).toEqual([undefined, undefined]);
    expect(read(cursorParam, ["a", "b"])).toBe("must be given once");
  });

  test.each(["0", "7", "42", "9007199254740991"])("that is a number is that number: %s", (text) => {
    expect(parseNumberCursor(text)).toBe(Number(text));
  });

  test.each(["9007199254740992", "12345678901234567", "-1", "1.5", "1e3", " 1", "x", "0x1"])(
    "that is not a number is refused where one is expected: %s",
    (text) => {
      expect(refused(() => parseNumberCursor(text))).toEqual(["invalid", "cursor"]);
    },
  );

  test("that is text comes back as it was", () => {
    for (const text of ["", "a", "Ada", "é漢🎈", "a/b?c=d&e", "\u0001"]) {
      const cursor = textCursor(text);
      expect(cursor).toMatch(/^[A-Za-z0-9_-]*$/);
      expect(parseTextCursor(cursor)).toBe(text);
    }
    expect([parseNumberCursor(undefined), parseTextCursor(undefined)]).toEqual([undefined, undefined]);
  });

  test.each(["a", "YQ==", "Y Q", "_w", "%41", "YR", textCursor("a\0")])(
    "that this server cannot have made is refused: %s",
    (cursor) => {
      expect(refused(() => parseTextCursor(cursor))).toEqual(["invalid", "cursor"]);
    },
  );
});

test("the limit of a list is 50, at least 1, and never more than 100", () => {
  for (const [text, limit] of [
    [undefined, 50],
    ["", 50],
    ["1", 1],
    ["99", 99],
    ["100", 100],
    ["101", 100],
    ["999999999999999999999", 100],
  ] as const) {
    expect(read(limitParam, text)).toBe(limit);
  }
  for (const text of ["0", "-1", "1.5", "01", "1e2", "ten", " 5"]) {
    expect(read(limitParam, text)).toBe("must be a whole number from 1");
  }
  expect(read(limitParam, ["1", "2"])).toBe("must be given once");
});
