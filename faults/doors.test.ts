import { expect, test } from "bun:test";
import { Doors } from "./doors.ts";

test("requests go to the servers in turn, and none to one that has kept another waiting for a second", async () => {
  let now = 0;
  const doors = new Doors(["a", "b", "c"], () => now);
  const asked = async (count: number) => {
    const urls: string[] = [];
    for (let i = 0; i < count; i++) await doors.through(async (url) => void urls.push(url));
    return urls.join("");
  };
  expect(await asked(4)).toBe("abca");
  const hanging = Promise.withResolvers<void>();
  const hung = doors.through(() => hanging.promise);
  now = 1000;
  expect(await asked(3)).toBe("cab");
  now = 1001;
  expect(await asked(4)).toBe("caca");
  hanging.resolve();
  await hung;
  expect(await asked(3)).toBe("bca");
});

test("a request that fails waits no longer, and if all are silent one is asked nevertheless", async () => {
  let now = 0;
  const doors = new Doors(["a", "b"], () => now);
  const never = [doors.through(() => Promise.reject(new Error("no"))), doors.through(() => new Promise(() => {}))];
  await expect(never[0]).rejects.toThrow("no");
  now = 5000;
  expect(await doors.through(async (url) => url)).toBe("a");
  void doors.through(() => new Promise(() => {}));
  now = 10_000;
  expect(await doors.through(async (url) => url)).toMatch(/^[ab]$/);
});
