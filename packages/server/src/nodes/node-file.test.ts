import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDeadline } from "../lib/interval.ts";
import { takeNodeFile } from "./node-file.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];
const OTHER_BOOT = `node-${"0".repeat(32)}-${A}`;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-test-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

/** A process with a node, until it is killed. */
async function elsewhere(node: string): Promise<Bun.Subprocess> {
  const script = `
    import { takeNodeFile } from ${JSON.stringify(new URL("./node-file.ts", import.meta.url).pathname)};
    takeNodeFile(${JSON.stringify(dir)}, ${JSON.stringify(node)});
    // The lock stays, though nothing refers to what could release it.
    for (let round = 0; round < 3; round++) Bun.gc(true);
    setTimeout(() => console.log("begun"), 1);
    setInterval(() => {}, 1000);`;
  const child = Bun.spawn([process.execPath, "-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  const reader = child.stdout.getReader();
  await withDeadline(reader.read(), 10_000, "the process did not begin");
  return child;
}

test("NODE-14: a node whose process was killed has ended, and one that lives has not, in this process or in another", async () => {
  const here = takeNodeFile(dir, A);
  const child = await elsewhere(B);
  const second = takeNodeFile(dir, C);
  expect([here.ended, second.ended]).toEqual([[], []]);
  second.release();
  child.kill("SIGKILL");
  await child.exited;
  const again = takeNodeFile(dir, C);
  expect(again.ended).toEqual([B]);
  again.release();
  const last = takeNodeFile(dir, C);
  expect(last.ended).toEqual([]);
  last.release();
  here.release();
  expect(readdirSync(dir)).toEqual([]);
}, 30_000);

test("NODE-14: nobody but its owner reads the file", () => {
  const { release } = takeNodeFile(dir, A);
  const [name = ""] = readdirSync(dir);
  expect(statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  release();
});

test("NODE-14: files that another machine may have made, or that were being made, say nothing and go after a day", () => {
  const names = [OTHER_BOOT, `node-${"1".repeat(32)}-${B}.new`];
  for (const name of names) writeFileSync(join(dir, name), "");
  writeFileSync(join(dir, "parley.db"), "");
  const first = takeNodeFile(dir, C);
  expect(first.ended).toEqual([]);
  first.release();
  expect(readdirSync(dir)).toHaveLength(3);
  const before = Date.now() / 1000 - 86_401;
  for (const name of readdirSync(dir)) utimesSync(join(dir, name), before, before);
  const second = takeNodeFile(dir, C);
  expect(second.ended).toEqual([]);
  second.release();
  expect(readdirSync(dir)).toEqual(["parley.db"]);
});

test("NODE-14: a folder that cannot be used keeps nobody from beginning, and the reason is said", () => {
  writeFileSync(join(dir, "file"), "");
  for (const folder of [join(dir, "file"), join(dir, "file", "data"), "/proc/parley", "/proc/self"]) {
    const { ended, problem, release } = takeNodeFile(folder, A);
    expect(ended).toEqual([]);
    expect(problem).toStartWith(`DATA_DIR is ${JSON.stringify(folder)}, wanted a folder`);
    release();
  }
  const { problem, release } = takeNodeFile(join(dir, "new"), A);
  expect(problem).toBeUndefined();
  release();
});
