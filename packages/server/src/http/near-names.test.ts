import { expect, test } from "bun:test";
import { z } from "zod";
import { editDistance } from "../lib/edit-distance.ts";
import { refusingNearNames } from "./near-names.ts";

/** The messages of a refusal by their paths; undefined when the body is taken. */
function refusals(schema: z.ZodType, body: unknown): Record<string, string> | undefined {
  const { error } = refusingNearNames(schema).safeParse(body);
  return error && Object.fromEntries(error.issues.map(({ path, message }) => [path.join("."), message]));
}
const meant = (name: string) => `is not a field; is ${name} meant?`;

const room = z.object({
  name: z.string().optional(),
  memberIds: z.array(z.int()).default([]),
  seq: z.int().optional(),
  up: z.int().nullish(),
  data: z.unknown().optional(),
});

test.each([
  ["nmae", "name"],
  ["names", "name"],
  ["nam", "name"],
  ["Name", "name"],
  ["mane", "name"],
  ["membersIds", "memberIds"],
  ["member_ids", "memberIds"],
  ["memberIDs", "memberIds"],
  ["sq", "seq"],
  ["sep", "seq"],
  ["ups", "up"],
  ["members", "memberIds"],
  ["dates", "data"],
])("HTTP-27: %s is refused, and %s is named", (name, known) => {
  expect(refusals(room, { [name]: 1 })).toEqual({ [name]: meant(known) });
});

test.each(["userIds", "title", "people", "x", "no", "u", "", "constructor", "__proto__", "nameOfTheRoom"])(
  "HTTP-27: %s is another name, and is ignored",
  (name) => {
    expect(refusals(room, JSON.parse(`{"${name}":1}`))).toBeUndefined();
  },
);

test("HTTP-27: a name that is known is taken, beside one that is nearly the same", () => {
  expect(refusals(z.object({ text: z.string(), next: z.string() }), { text: "a", next: "b" })).toBeUndefined();
  expect(refusals(room, { name: "a", nmae: "b", sqe: 1 })).toEqual({ nmae: meant("name"), sqe: meant("seq") });
});

test("HTTP-27: what the schema makes of a body stays, and so do its own refusals", () => {
  expect(refusingNearNames(room).parse({ name: "a", other: 1, data: [] })).toEqual({
    name: "a",
    memberIds: [],
    data: [],
  });
  expect(Object.keys(refusals(room, { name: 5 }) ?? {})).toEqual(["name"]);
  for (const body of [[], null, "name", 5, undefined]) expect(Object.keys(refusals(room, body) ?? {})).toEqual([""]);
});

const send = z.discriminatedUnion("type", [
  z.object({ type: z.literal(1), body: z.object({ content: z.string() }) }),
  z.object({ type: z.literal(100), body: z.object({ kind: z.string(), data: z.unknown() }) }),
]);

test.each<[string, object, object | undefined]>([
  ["a field of this type", { type: 1, body: { content: "x" } }, undefined],
  [
    "beside it, nearly a field of this type",
    { type: 1, body: { content: "x", contents: 1 } },
    { "body.contents": "content" },
  ],
  ["beside it, nearly a field of another type", { type: 1, body: { content: "x", kinds: 1 } }, undefined],
  ["nearly a field of the other type", { type: 100, body: { kind: "x", dato: 1 } }, { "body.dato": "data" }],
  ["in data, which is free", { type: 100, body: { kind: "x", data: { kinds: 1, dato: { typ: 1 } } } }, undefined],
  ["beside the type", { type: 1, body: { content: "x" }, bodies: 1, bady: 1 }, { bady: "body" }],
])("HTTP-27: kinds of objects are told apart: %s", (_, body, names) => {
  const wanted = names && Object.fromEntries(Object.entries(names).map(([path, name]) => [path, meant(name)]));
  expect(refusals(send, body)).toEqual(wanted as never);
});

test("HTTP-27: an object of a kind that there is not is refused for that alone", () => {
  expect(Object.keys(refusals(send, { type: 7, body: { contnet: "x" } }) ?? {})).toEqual(["type"]);
});

test("HTTP-27: objects in lists, in what may be null and in either of two forms are looked at", () => {
  const lists = z.object({ items: z.array(z.object({ reply: z.object({ text: z.string().optional() }).nullish() })) });
  expect(refusals(lists, { items: [{}, { reply: { txt: "x" } }, { repply: null }] })).toEqual({
    "items.1.reply.txt": meant("text"),
    "items.2.repply": meant("reply"),
  });
  const either = z.union([z.object({ upTo: z.int() }), z.object({ idList: z.array(z.int()) })]);
  expect(refusals(either, { upTo: 1, idLists: 1 })).toEqual({ idLists: meant("idList") });
  expect(refusals(either, { idList: [1] })).toBeUndefined();
});

test("HTTP-27: a schema that takes any name, or refuses all unknown ones, is left to itself", () => {
  expect(refusals(z.looseObject({ name: z.string() }), { name: "a", nmae: 1 })).toBeUndefined();
  expect(refusals(z.record(z.string(), z.int()), { nmae: 1 })).toBeUndefined();
  expect(refusals(z.strictObject({ name: z.string() }), { name: "a", nmae: 1 })).toEqual({
    "": expect.stringContaining("nmae"),
  });
});

test("HTTP-27: of the unknown fields of a body a hundred are compared", () => {
  const others = (count: number) => Object.fromEntries(Array.from({ length: count }, (_, i) => [`other${i}`, i]));
  expect(refusals(room, { ...others(99), nmae: 1 })).toEqual({ nmae: meant("name") });
  expect(refusals(room, { ...others(100), nmae: 1 })).toBeUndefined();
  const lists = z.array(room);
  expect(refusals(lists, [{ ...others(60) }, { ...others(40), nmae: 1 }])).toBeUndefined();
});

test("HTTP-27: a body of ten thousand unknown fields costs nothing to speak of", () => {
  const names = Array.from({ length: 10_000 }, (_, i) => `nme${i}`);
  const body = Object.fromEntries(names.map((name, i) => [name, i]));
  const checked = refusingNearNames(room);
  const leastMs = (work: () => unknown) => {
    const times = Array.from({ length: 20 }, () => {
      const began = performance.now();
      work();
      return performance.now() - began;
    });
    return Math.min(...times);
  };
  // What it would cost to compare all of them.
  const known = Object.keys(room.shape);
  const comparedMs = leastMs(() => names.map((name) => known.map((one) => editDistance(name, one))));
  expect(leastMs(() => checked.safeParse(body))).toBeLessThan(comparedMs / 4);
});
