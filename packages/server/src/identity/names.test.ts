import { describe, expect, test } from "bun:test";
import { deletedKey, nameKey, nameSchema } from "./names.ts";

describe("ID-4: names that are the same", () => {
  test.each([
    ["Ada", "aDA"],
    ["Straße", "STRASSE"],
    ["STRAẞE", "straße"],
    ["ΟΔΥΣΣΕΥΣ", "οδυσσευς"],
    ["Ａｄａ", "ada"],
    ["ﬁn", "FIN"],
    ["café", "cafe\u0301"],
    ["Ångström", "A\u030angstro\u0308m"],
    ["ad\u200da", "ada"],
    ["ad\ufeffa", "ada"],
    ["ad\u2800a", "ada"],
    ["a  b", "a\u00a0b"],
    ["①", "1"],
  ])("%s and %s", (a, b) => expect(nameKey(a)).toBe(nameKey(b)));
});

describe("ID-4: names that differ", () => {
  test.each([
    ["ırmak", "irmak"],
    ["e", "é"],
    ["ab", "a b"],
    ["小明", "小红"],
  ])("%s and %s", (a, b) => expect(nameKey(a)).not.toBe(nameKey(b)));
});

test.each([
  ["  Ada  ", "Ada"],
  ["𝒳".repeat(32), "𝒳".repeat(32)],
  ["👩‍👩‍👧", "👩‍👩‍👧"],
  ["O'Neil-Ørsted 3", "O'Neil-Ørsted 3"],
])("ID-3: %s is a name", (given, kept) => expect(nameSchema.parse(given)).toBe(kept));

test.each([
  ["nothing", ""],
  ["spaces", " \t\u00a0 "],
  ["33 code points", "𝒳".repeat(33)],
  ["a control character", "a\u0007b"],
  ["a line break", "a\nb"],
  ["a line separator", "a\u2028b"],
  ["an override of direction", "a\u202eb"],
  ["joiners only", "\u200d\u200d"],
  ["fillers only", "\u3164"],
  ["blanks that count as symbols only", "\u2800\u2800"],
  ["fillers and spaces only", "\u3164 \u115f\u3000\uffa0"],
  ["half a surrogate pair", "a\ud800"],
])("ID-3: %s is no name", (_, given) => expect(nameSchema.safeParse(given).success).toBe(false));

test("no name has the key of a deleted account", () => {
  expect(nameKey(deletedKey(20_000))).not.toBe(deletedKey(20_000));
});
