import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { withDeadline } from "../src/lib/interval.ts";

const LAUNCHER = join(import.meta.dir, "bun.mjs");
const node = Bun.which("node") ?? "node";
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "parley-bin-"));
});
afterAll(() => rm(folder, { recursive: true }));

const start = (args: string[]) => Bun.spawn([node, ...args], { stdin: "ignore", stdout: "pipe", stderr: "pipe" });

async function script(name: string, source: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, source);
  return path;
}

test("runs Bun and exits as it does", async () => {
  const child = start([LAUNCHER, "-e", "console.log(typeof Bun, process.argv.slice(-1)[0]); process.exit(7)", "last"]);
  expect(await new Response(child.stdout).text()).toBe("object last\n");
  expect(await child.exited).toBe(7);
});

test("ends by the signal that ended Bun", async () => {
  const child = start([LAUNCHER, "-e", "process.kill(process.pid, 'SIGKILL')"]);
  await child.exited;
  expect(child.signalCode).toBe("SIGKILL");
});

test.each(["SIGTERM", "SIGINT", "SIGHUP"] as const)("passes %s on, once", async (signal) => {
  const path = await script(
    `${signal}.ts`,
    `let seen = 0;
     process.on("${signal}", () => { seen += 1; setTimeout(() => process.exit(40 + seen), 50); });
     console.log("ready");
     setInterval(() => {}, 1000);`,
  );
  const child = start([LAUNCHER, path]);
  expect((await child.stdout.getReader().read()).done).toBe(false);
  child.kill(signal);
  expect(await child.exited).toBe(41);
});

test("killed outright, it takes the program with it", async () => {
  const child = start([LAUNCHER, await script("orphan.ts", "console.log('ready'); setInterval(() => {}, 1000);")]);
  const output = child.stdout.getReader();
  expect(new TextDecoder().decode((await output.read()).value)).toBe("ready\n");
  child.kill("SIGKILL");
  await child.exited;
  // Both held the other end of the pipe; it ends when the last of them is gone.
  const { done } = await withDeadline(output.read(), 4000, "the program outlived its launcher");
  expect(done).toBe(true);
});

test("says what to do when Bun is not installed", async () => {
  const lonely = join(folder, "bun.mjs");
  await Bun.write(lonely, Bun.file(LAUNCHER));
  const child = start([lonely, "--version"]);
  expect(await new Response(child.stderr).text()).toContain("Run `npm ci`");
  expect(await child.exited).toBe(1);
});
