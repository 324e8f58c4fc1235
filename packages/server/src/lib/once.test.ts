import { expect, test } from "bun:test";
import { once } from "./once.ts";

test("makes nothing before it is asked, and gives everybody the same", () => {
  let made = 0;
  const get = once(() => {
    made += 1;
    return {};
  });
  expect(made).toBe(0);
  expect(get()).toBe(get());
  expect(made).toBe(1);
});

test("makes once, even undefined, and again after a failure", () => {
  let made = 0;
  const nothing = once(() => {
    made += 1;
    return undefined;
  });
  nothing();
  nothing();
  expect(made).toBe(1);

  let tries = 0;
  const shaky = once(() => {
    tries += 1;
    if (tries === 1) throw new Error("first");
    return tries;
  });
  expect(shaky).toThrow("first");
  expect(shaky()).toBe(2);
  expect(shaky()).toBe(2);
});
