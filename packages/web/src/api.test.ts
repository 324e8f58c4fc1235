import { expect, test } from "bun:test";
import { messageOf, refusal } from "./api.ts";

test("a refusal is shown in the server's words, as a sentence", () => {
  const error = refusal(401, {
    code: "unauthorized",
    title: "Sign in first",
    detail: "The name or the password is wrong",
  });
  expect(messageOf(error)).toBe("The name or the password is wrong.");
  expect(error.code).toBe("unauthorized");
});

test("fields that are not valid are named, all of them", () => {
  const errors = [
    { path: "name", message: "must have 1 to 32 characters" },
    { path: "password", message: "must have at least 8 characters" },
  ];
  const error = refusal(400, { code: "invalid", detail: "name: must have 1 to 32 characters", errors });
  expect(messageOf(error)).toBe("Name must have 1 to 32 characters. Password must have at least 8 characters.");
});

test("an answer that is no problem document, such as a proxy's page, is named by its status", () => {
  expect(messageOf(refusal(502, undefined))).toBe("The server answered with status 502.");
});

test("a fault of the page says what to do", () => {
  expect(messageOf(new TypeError("x is undefined"))).toBe(
    "Something went wrong on this page. Reload it and try again.",
  );
});
