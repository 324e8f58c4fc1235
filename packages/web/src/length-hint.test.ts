import { expect, test } from "bun:test";
import { lengthText } from "./length-hint.ts";

test.each([
  [4096, 4096, ""],
  [200, 4096, ""],
  [199, 4096, "199 characters left"],
  [1, 4096, "1 character left"],
  [0, 4096, "0 characters left"],
  [-1, 4096, "Too long by 1 character"],
  [-2, 4096, "Too long by 2 characters"],
  [8, 64, ""],
  [7, 64, "7 characters left"],
  [64, 64, ""],
])("with %d of %d left", (left, most, says) => expect(lengthText(left, most)).toBe(says));
