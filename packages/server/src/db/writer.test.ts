import { afterEach, beforeEach, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { nextTurn } from "../lib/interval.ts";
import { openWriter } from "./open.ts";
import { defineWrite } from "./transaction.ts";
import { GroupWriter } from "./writer.ts";

const echo = defineWrite("test.echo", async (_tx, name: string) => name);

let scratch: Scratch;
let writer: GroupWriter;
/** What each batch was asked, in the order of batches. */
let batches: string[][];
beforeEach(async () => {
  scratch = await openScratch();
  batches = [];
  const inline = openWriter(scratch.path);
  writer = new GroupWriter(
    {
      run: (requests) => {
        batches.push(requests.map(({ input }) => String(input)));
        return inline.run(requests);
      },
      close: () => inline.close(),
    },
    () => {},
  );
});
afterEach(async () => {
  await writer.close();
  await scratch.close();
});

test("RET-2 what can wait runs alone, one at a time, after all that waits", async () => {
  const spare = ["a", "b"].map((name) => writer.runWhenIdle(echo, name));
  await Promise.all([...Array.from({ length: 300 }, (_, i) => writer.run(echo, `send ${i}`)), ...spare]);
  expect(batches.map((batch) => batch.length)).toEqual([256, 44, 1, 1]);
  expect(batches.slice(2)).toEqual([["a"], ["b"]]);
});

test("RET-2 who asks again as soon as he is answered comes before it", async () => {
  const spare = writer.runWhenIdle(echo, "spare");
  for (let i = 0; i < 5; i++) await writer.run(echo, `send ${i}`);
  await spare;
  expect(batches.at(-1)).toEqual(["spare"]);
  expect(batches).toHaveLength(6);
});

test("RET-2 a close does not wait for what has not begun", async () => {
  const send = writer.run(echo, "send");
  const spare = Array.from({ length: 3 }, () => writer.runWhenIdle(echo, "spare"));
  const outcomes = Promise.allSettled(spare);
  await nextTurn();
  await writer.close();
  expect(await send).toBe("send");
  for (const outcome of await outcomes) expect(outcome).toMatchObject({ reason: { code: "draining" } });
  await expect(writer.runWhenIdle(echo, "late")).rejects.toMatchObject({ code: "draining" });
});
