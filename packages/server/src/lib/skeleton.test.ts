import { describe, expect, test } from "bun:test";
import { skeleton } from "./skeleton.ts";

describe("texts that look alike", () => {
  test.each([
    ["Ada", "\u0410d\u0430"],
    ["PayPaI", "PayPal"],
    ["b0b", "bOb"],
    ["modern", "modem"],
    ["caf\u00e9", "cafe\u0301"],
    ["|1I", "lll"],
  ])("%s and %s", (a, b) => expect(skeleton(a)).toBe(skeleton(b)));
});

describe("texts that do not", () => {
  test.each([
    ["Ada", "ada"],
    ["cafe", "caf\u00e9"],
    ["小明", "小红"],
    ["Van", "Nan"],
  ])("%s and %s", (a, b) => expect(skeleton(a)).not.toBe(skeleton(b)));
});
