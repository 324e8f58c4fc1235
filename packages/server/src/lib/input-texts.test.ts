import { expect, test } from "bun:test";
import { z } from "zod";
import { useInputTexts } from "./input-texts.ts";

useInputTexts();

const textOf = (schema: z.ZodType, value: unknown) => schema.safeParse(value).error?.issues[0]?.message;

test("what is wrong with a value is said in words for people", () => {
  const cases: [z.ZodType, unknown, string][] = [
    [z.object({ name: z.string() }), {}, "is required"],
    [z.string(), 5, "must be text"],
    [z.number(), "5", "must be a number"],
    [z.int(), 1.5, "must be a whole number"],
    [z.array(z.number()), {}, "must be a list"],
    [z.boolean(), 1, "must be true or false"],
    [z.string().min(1), "", "must have at least 1 character"],
    [z.string().max(3), "four", "must have at most 3 characters"],
    [z.array(z.number()).max(1), [1, 2], "must have at most 1 item"],
    [z.number().max(9), 10, "must be at most 9"],
    [z.number().min(2), 1, "must be at least 2"],
    [z.number().lt(9), 9, "must be less than 9"],
    [z.number().gt(9), 9, "must be more than 9"],
    [z.array(z.number()).min(2), [1], "must have at least 2 items"],
    [z.array(z.number()).max(0), [1], "must have at most 0 items"],
    [z.set(z.number()).max(2), new Set([1, 2, 3]), "must have at most 2 items"],
    [z.record(z.string(), z.number()), 5, "must be an object"],
    [z.object({}), null, "must be an object"],
    [z.bigint(), 5, "must be bigint"],
    [z.strictObject({}), { x: 1, y: 1 }, "has unknown fields: x, y"],
    [z.number().positive(), 0, "must be more than 0"],
    [z.literal([1, 2]), 3, "must be 1 or 2"],
    [z.enum(["a", "b"]), "c", 'must be "a" or "b"'],
    [z.strictObject({}), { x: 1 }, "has unknown fields: x"],
    [z.string().min(1, "is empty"), "", "is empty"],
  ];
  for (const [schema, value, text] of cases) expect(textOf(schema, value)).toBe(text);
});

test("of unknown fields the first ten are named, each by its beginning", () => {
  const many = Object.fromEntries(Array.from({ length: 20_000 }, (_, n) => [`f${n}`, 1]));
  const text = "has unknown fields: f0, f1, f2, f3, f4, f5, f6, f7, f8, f9";
  expect(textOf(z.strictObject({}), many)).toBe(`${text} and 19990 more`);
  const ten = Object.fromEntries(Object.entries(many).slice(0, 10));
  expect(textOf(z.strictObject({}), ten)).toBe(text);
  const long = textOf(z.strictObject({}), { [`${"x".repeat(63)}😀${"y".repeat(200_000)}`]: 1 });
  expect(long).toBe(`has unknown fields: ${"x".repeat(63)}\ufffd…`);
  expect(textOf(z.strictObject({}), { ["x".repeat(64)]: 1 })).toBe(`has unknown fields: ${"x".repeat(64)}`);
});
