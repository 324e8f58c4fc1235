import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { id, text } from "../test/push-data.ts";
import { Command } from "./command-type.ts";
import { authorizeSchema, commandFrameSchema, resumeSchema, typingSchema } from "./commands.ts";
import { LIMITS } from "./limits.ts";

const token = fc.string({ minLength: 1, maxLength: LIMITS.tokenLength });
const max = fc.integer({ min: 1, max: LIMITS.farMax });
const resume = fc.record({ cursor: fc.option(text), max }, { requiredKeys: [] });

/** Commands with data: what they may say, and what they must not. The others have no data to read. */
const commands = [
  {
    name: "AUTHORIZE",
    type: Command.AUTHORIZE,
    schema: authorizeSchema,
    good: fc.record({ token }),
    bad: fc.oneof(
      fc.constantFrom(null, {}, [], "", "pl_a-token-that-is-no-json", '{"token":', '"pl_quoted"', 7, { token: "" }),
      fc.record({ token: fc.string({ minLength: LIMITS.tokenLength + 1, maxLength: LIMITS.tokenLength + 100 }) }),
      fc.record({ token: notA("string") }),
    ),
  },
  {
    name: "RESUME",
    type: Command.RESUME,
    schema: resumeSchema,
    good: resume,
    bad: fc.oneof(
      fc.constantFrom(null, [], "{}", 7),
      fc.record({ cursor: notA("string").filter((value) => value !== null) }),
      fc.record({ max: fc.oneof(notA("number"), fc.constantFrom(0, -1, 1.5, LIMITS.farMax + 1, 2 ** 53)) }),
    ),
  },
  {
    name: "TYPING",
    type: Command.TYPING,
    schema: typingSchema,
    good: fc.record({ roomId: id }),
    bad: fc.oneof(
      fc.constantFrom(null, {}, [], "{}", 7),
      fc.record({ roomId: fc.oneof(notA("number"), fc.constantFrom(0, -1, 1.5, 2 ** 53, 1e300, "1")) }),
    ),
  },
] as const;

/** Any JSON that is not a `type`. */
function notA(type: "string" | "number"): fc.Arbitrary<fc.JsonValue> {
  return fc.jsonValue().filter((value) => typeof value !== type);
}

/** Fields of a later version. Their names cannot be those of this one. */
const later = fc.dictionary(
  text.map((key) => `later-${key}`),
  fc.jsonValue(),
  { minKeys: 1, maxKeys: 3 },
);

const sent = (frame: unknown) => JSON.parse(JSON.stringify(frame));

describe.each(commands)("$name", ({ type, schema, good, bad }) => {
  test("GW-30: what is sent is read back the same, and unknown fields are ignored", () => {
    fc.assert(
      fc.property(good as fc.Arbitrary<object>, later, later, (data, inFrame, inData) => {
        const frame = commandFrameSchema.parse(sent({ type, data: { ...data, ...inData }, ...inFrame }));
        // By way of JSON, which knows no -0.
        expect(frame).toEqual(sent({ type, data: { ...data, ...inData } }));
        expect(schema.parse(frame.data) as object).toEqual(data);
      }),
    );
  });

  test("GW-30: what the schema forbids is refused", () => {
    fc.assert(
      fc.property(bad as fc.Arbitrary<unknown>, (data) => {
        expect(schema.safeParse(sent({ data }).data).success).toBeFalse();
      }),
    );
  });

  test("GW-34: any JSON is either taken or refused, never thrown at", () => {
    fc.assert(
      fc.property(anyJson, (data) => {
        const parsed = schema.safeParse(data);
        if (!parsed.success) expect(parsed.error.issues).not.toBeEmpty();
      }),
      { numRuns: 1000 },
    );
  });
});

const anyJson = fc.oneof(
  fc.jsonValue(),
  fc.string(),
  // Keys that mean something to the language.
  fc.constantFrom(
    ...[`{"__proto__":{"token":"a"}}`, `{"constructor":1}`, `{"token":{"__proto__":null}}`].map((json) =>
      JSON.parse(json),
    ),
  ),
  // As deep as a frame of the largest size can be.
  fc.integer({ min: 1, max: LIMITS.frameBytes / 2 }).map((deep) => JSON.parse("[".repeat(deep) + "]".repeat(deep))),
);

test("GW-7: AUTHORIZE's data may be the same as a JSON string", () => {
  fc.assert(
    fc.property(token, (token) => {
      expect(authorizeSchema.parse(JSON.stringify({ token }))).toEqual({ token });
    }),
  );
});

test("GW-30: any text is either a frame with a whole number for its type, or refused", () => {
  const nearly = fc
    .tuple(fc.constantFrom(...Object.values(Command)), anyJson, fc.nat(40), fc.string({ maxLength: 2 }))
    .map(([type, data, at, put]) => {
      const frame = JSON.stringify({ type, data });
      return frame.slice(0, at) + put + frame.slice(at + 1);
    });
  fc.assert(
    fc.property(fc.oneof(fc.string(), fc.json(), nearly), (text) => {
      let value: unknown;
      try {
        value = JSON.parse(text);
      } catch {
        return;
      }
      const parsed = commandFrameSchema.safeParse(value);
      const type = (value as { type?: unknown } | null)?.type;
      expect(parsed.success).toBe(!Array.isArray(value) && Number.isSafeInteger(type));
      if (parsed.success) expect(parsed.data.type).toBe(type as number);
    }),
    { numRuns: 2000 },
  );
});

test("GW-32: every command of the largest size fits a frame, cursors of the server's own size included", () => {
  const largest = [
    // Tokens are ASCII without anything that JSON escapes.
    { type: Command.AUTHORIZE, data: { token: "~".repeat(LIMITS.tokenLength) } },
    { type: Command.AUTHORIZE, data: JSON.stringify({ token: "~".repeat(LIMITS.tokenLength) }) },
    { type: Command.RESUME, data: { cursor: "a".repeat(4096), max: LIMITS.farMax } },
    { type: Command.TYPING, data: { roomId: Number.MAX_SAFE_INTEGER } },
  ];
  for (const frame of largest) expect(Buffer.byteLength(JSON.stringify(frame))).toBeLessThan(LIMITS.frameBytes);
});
