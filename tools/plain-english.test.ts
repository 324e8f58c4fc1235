import { expect, test } from "bun:test";
import { problemsOfDocument, problemsOfSource } from "./plain-english.ts";

const path = "docs/x.md";

test.each([
  ["The red dots are one's own.", 'says "one\'s own"'],
  ["Pins a room for oneself.", 'says "oneself"'],
  ["Skip what one has by now.", 'says "what one has"'],
  ["From elsewhere than loopback this needs a token.", 'says "elsewhere than"'],
  ["A connection that is signed in stays it.", 'says "stays it"'],
  ["Entries of before count.", 'says "of before"'],
  ["It is banned, or not any more.", 'says "not any more"'],
  ["What is so already is not told.", 'says "is so already"'],
  ["It is answered as ever.", 'says "as ever"'],
  ["The first is a repeat, the second is none.", 'says "is none"'],
  ["Bytes that are no UTF-8 are refused.", 'says "that are no"'],
])("a phrase that no native reader would write: %s", (text, said) => {
  const [problem, ...more] = problemsOfDocument({ path, text });
  expect(problem).toContain(said);
  expect(more).toEqual([]);
});

test.each([
  "204, even if there is none.",
  "It was none of these.",
  "They are as fast as ever.",
  "A number that is no longer needed.",
  "No one has it, and that is no reason to wait.",
  "A row of the table before it.",
  "Skip the events that you already have.",
])("good English is left alone: %s", (text) => {
  expect(problemsOfDocument({ path, text })).toEqual([]);
});

test("a phrase that goes on in the next line of a document or a comment is found, with its first line", () => {
  expect(problemsOfDocument({ path, text: "One.\nThe other is\nnone." })[0]).toStartWith(`${path}:2 says "is none"`);
  const source = { path: "a.ts", text: "x();\n/**\n * It is not any\n * more.\n */\n// Skip what one\n// has." };
  expect(problemsOfSource(source).map((problem) => problem.split(":").slice(0, 2).join(":"))).toEqual([
    'a.ts:6 says "what one has"',
    'a.ts:3 says "not any more"',
  ]);
});

test("texts that a program shows are read too, and code is not mistaken for a phrase", () => {
  expect(problemsOfSource({ path: "a.ts", text: 'fail("a cursor that is none");' })).toHaveLength(1);
  expect(problemsOfSource({ path: "a.ts", text: "for (const room of before ?? []) leave(room);" })).toEqual([]);
  expect(problemsOfSource({ path: "a.ts", text: "for (const room of before) leave(room);" })).toEqual([]);
});
