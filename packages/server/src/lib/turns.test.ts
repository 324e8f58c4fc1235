import { expect, test } from "bun:test";
import { TooManyWaiting, Turns } from "./turns.ts";

function task() {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  return { work: () => promise, end: resolve, fail: reject };
}

test("a few run at once, the others in the order of coming, and too many are refused", async () => {
  const turns = new Turns({ atOnce: 2, waitingMax: 2 });
  const begun: number[] = [];
  const tasks = [0, 1, 2, 3].map(task);
  const results = tasks.map(({ work }, index) =>
    turns.run(() => {
      begun.push(index);
      return work();
    }),
  );
  await expect(turns.run(async () => begun.push(9))).rejects.toBeInstanceOf(TooManyWaiting);
  await Promise.resolve();
  expect(begun).toEqual([0, 1]);
  tasks[1]?.end("one");
  expect(await results[1]).toBe("one");
  await Promise.resolve();
  expect(begun).toEqual([0, 1, 2]);
  tasks[0]?.fail(new Error("broken"));
  await expect(results[0]).rejects.toThrow("broken");
  for (const { end } of tasks.slice(2)) end("later");
  expect(await Promise.all(results.slice(2))).toEqual(["later", "later"]);
  expect(begun).toEqual([0, 1, 2, 3]);
  // Each turn has come back.
  const again = [0, 1].map(task);
  const running = again.map(({ work }) => turns.run(work));
  const third = turns.run(async () => begun.push(4));
  await Promise.resolve();
  expect(begun).toHaveLength(4);
  for (const { end } of again) end("");
  await Promise.all([...running, third]);
  expect(begun).toHaveLength(5);
});
