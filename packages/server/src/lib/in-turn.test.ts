import { expect, test } from "bun:test";
import { InTurn } from "./in-turn.ts";

test("work of one key runs in order, one at a time, also behind work that failed; other keys do not wait", async () => {
  const inTurn = new InTurn<string>();
  const log: string[] = [];
  const gates = new Map<string, () => void>();
  const work = (name: string) => () =>
    new Promise<string>((resolve, reject) => {
      log.push(name);
      gates.set(name, () => (name.startsWith("bad") ? reject(new Error(name)) : resolve(name)));
    });
  const first = inTurn.run("a", work("bad 1"));
  const second = inTurn.run("a", work("2"));
  const third = inTurn.run("a", work("3"));
  const other = inTurn.run("b", work("b"));
  await Bun.sleep(0);
  expect(log).toEqual(["bad 1", "b"]);
  expect(inTurn.size).toBe(2);
  gates.get("b")?.();
  expect(await other).toBe("b");
  gates.get("bad 1")?.();
  expect(await first.catch((error: Error) => error.message)).toBe("bad 1");
  await Bun.sleep(0);
  expect(log).toEqual(["bad 1", "b", "2"]);
  const fourth = inTurn.run("a", work("4"));
  gates.get("2")?.();
  expect(await second).toBe("2");
  await Bun.sleep(0);
  expect(log).toEqual(["bad 1", "b", "2", "3"]);
  gates.get("3")?.();
  expect(await third).toBe("3");
  await Bun.sleep(0);
  expect(log).toEqual(["bad 1", "b", "2", "3", "4"]);
  gates.get("4")?.();
  expect(await fourth).toBe("4");
  expect(inTurn.size).toBe(0);
});
