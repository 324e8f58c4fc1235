import { describe, expect, expectTypeOf, test } from "bun:test";
import fc from "fast-check";
import type { z } from "zod";
import { id, message, pushData, stream, text, user } from "../test/push-data.ts";
import { Push, type PushData } from "./events.ts";
import { encodeEvent, encodePush } from "./frames.ts";
import { messageSchema } from "./message.ts";
import type { Message } from "./message-type.ts";
import { userSchema } from "./user.ts";
import type { User } from "./user-type.ts";

/** The reserved types have no data yet, hence no entry in PushData. */
const types = Object.keys(pushData).map(Number) as (keyof PushData)[];
const nameOf = (type: number) => Object.entries(Push).find(([, number]) => number === type)?.[0];

/** What ends a line for an event stream's reader. */
const LINE_END = /[\r\n]/;

describe.each(types)("push %d", (type) => {
  const data = pushData[type] as fc.Arbitrary<PushData[typeof type]>;

  test("GW-13: a frame that is not logged is read back the same, without stream and seq", () => {
    expect(nameOf(type)).toBeDefined();
    fc.assert(
      fc.property(data, (value) => {
        const encoded = encodePush(type, value);
        expect(JSON.parse(encoded)).toEqual(value === undefined ? { type } : { type, data: value });
      }),
    );
  });

  test("GW-13: a logged one carries stream and seq, and the data as it was written", () => {
    fc.assert(
      fc.property(data, stream, id, (value, stream, seq) => {
        const encoded = encodeEvent({ type, stream, seq, data: JSON.stringify(value ?? {}) });
        expect(JSON.parse(encoded)).toEqual({ type, stream, seq, data: value ?? {} });
      }),
    );
  });

  test("TR-20: whatever it says, a frame is one line, and UTF-8 keeps it whole", () => {
    fc.assert(
      fc.property(data, stream, id, (value, stream, seq) => {
        for (const encoded of [
          encodePush(type, value),
          encodeEvent({ type, stream, seq, data: JSON.stringify(value ?? {}) }),
        ]) {
          expect(encoded).not.toMatch(LINE_END);
          expect(new TextDecoder().decode(new TextEncoder().encode(encoded))).toBe(encoded);
          expect(Buffer.byteLength(encoded)).toBeGreaterThanOrEqual(encoded.length);
        }
      }),
    );
  });
});

/** What is shown is read by clients with these schemas. */
describe.each([
  ["the message object", messageSchema, message],
  ["a user", userSchema, user],
] as const)("%s", (_, schema, arbitrary) => {
  test("IM-3: survives the wire and its schema, which ignores fields of later versions", () => {
    const later = fc.dictionary(
      text.map((key) => `later-${key}`),
      fc.jsonValue(),
      { minKeys: 1, maxKeys: 3 },
    );
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<object>, later, (value, later) => {
        const read = JSON.parse(JSON.stringify({ ...value, ...later }));
        expect(schema.parse(read) as object).toEqual(value);
      }),
    );
  });

  test("any JSON is either taken or refused, and never throws", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(schema.safeParse(value).success).toBeBoolean();
      }),
    );
  });

  test("one field less, and it is refused", () => {
    fc.assert(
      fc.property(arbitrary as fc.Arbitrary<object>, fc.nat(), (value, at) => {
        const keys = Object.keys(value);
        const { [keys[at % keys.length] as string]: _, ...rest } = { ...value } as Record<string, unknown>;
        expect(schema.safeParse(rest).success).toBeFalse();
      }),
    );
  });
});

test("the types that clients get without the schema library are the schemas'", () => {
  // Seen by the compiler (npm run check); at run time these do nothing.
  expectTypeOf<z.infer<typeof messageSchema>>().toEqualTypeOf<Message>();
  expectTypeOf<z.infer<typeof userSchema>>().toEqualTypeOf<User>();
});
