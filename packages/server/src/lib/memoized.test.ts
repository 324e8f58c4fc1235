import { expect, test } from "bun:test";
import { memoized } from "./memoized.ts";

test("computes once for each argument, also where the result is nothing", () => {
  const asked: string[] = [];
  const first = memoized((text: string) => {
    asked.push(text);
    return text === "" ? undefined : text[0];
  }, 10);
  expect([first("ab"), first(""), first("ab"), first("")]).toEqual(["a", undefined, "a", undefined]);
  expect(asked).toEqual(["ab", ""]);
});

test("keeps as many results as it may, and forgets the first one for one more", () => {
  const asked: number[] = [];
  const half = memoized((number: number) => {
    asked.push(number);
    return number / 2;
  }, 2);
  for (const number of [1, 2, 1, 3, 2, 1]) half(number);
  expect(asked).toEqual([1, 2, 3, 1]);
});

test("keeps nothing of an argument that was refused", () => {
  let times = 0;
  const refuse = memoized((_: string) => {
    times += 1;
    throw new Error("no");
  }, 2);
  expect(() => refuse("a")).toThrow("no");
  expect(() => refuse("a")).toThrow("no");
  expect(times).toBe(2);
});
