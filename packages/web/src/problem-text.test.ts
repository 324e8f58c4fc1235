import { expect, test } from "bun:test";
import { ParleyError } from "@parley/client";
import { messageOf } from "./problem-text.ts";

test("a refusal is shown in the server's words, as a sentence", () => {
  const problem = { code: "unauthorized", title: "Sign in first", detail: "The name or the password is wrong" };
  expect(messageOf(new ParleyError(401, problem))).toBe("The name or the password is wrong.");
});

test("fields that are not valid are named, all of them", () => {
  const errors = [
    { path: "name", message: "must have 1 to 32 characters" },
    { path: "password", message: "must have at least 8 characters" },
  ];
  const error = new ParleyError(400, { code: "invalid", detail: "name: must have 1 to 32 characters", errors });
  expect(messageOf(error)).toBe("Name must have 1 to 32 characters. Password must have at least 8 characters.");
});

test("an answer that is not a problem document, such as a proxy's page, is named by its status", () => {
  expect(messageOf(new ParleyError(502))).toBe("The server answered 502.");
});

test("no answer is said to be none; what the client itself refuses has its own words", () => {
  expect(messageOf(new ParleyError(0))).toBe("The server cannot be reached.");
  const full = new ParleyError(0, { code: "queue_full", title: "Too many messages wait to be sent" });
  expect(messageOf(full)).toBe("Too many messages wait to be sent.");
});

test("a fault of the page says what to do", () => {
  expect(messageOf(new TypeError("x is undefined"))).toBe(
    "Something went wrong on this page. Reload it and try again.",
  );
});

test("what is wrong with no field in particular is said in the server's words", () => {
  for (const errors of [[], [{ path: "", message: "must be an object" }]]) {
    expect(messageOf(new ParleyError(400, { code: "invalid", detail: "the body must be an object", errors }))).toBe(
      "The body must be an object.",
    );
  }
  const errors = [
    { path: "", message: "must be an object" },
    { path: "name", message: "is required" },
  ];
  expect(messageOf(new ParleyError(400, { code: "invalid", errors }))).toBe("Name is required.");
});

test("a sentence keeps the mark that it ends with", () => {
  for (const text of ["Is it you?", "Stop!", "Done."]) {
    expect(messageOf(new ParleyError(422, { code: "conflict", detail: text }))).toBe(text);
  }
});
