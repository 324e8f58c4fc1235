import { expect, test } from "bun:test";
import { nearest } from "./nearest.ts";

const names = ["transports", "token", "tabs", "message", "member_change", "max"];

test.each([
  ["transport", "transports"],
  ["mesage", "message"],
  ["memberChange", "member_change"],
  ["Token", "token"],
  ["tab", "tabs"],
  ["messages", "message"],
  ["ma", undefined],
  ["zzzzzz", undefined],
  ["", undefined],
  ["retries", undefined],
])("SDK-46: for %s the program may have meant %s", (name, meant) => {
  expect(nearest(name, names)).toBe(meant);
});
