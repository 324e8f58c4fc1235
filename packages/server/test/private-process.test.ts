import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, withDeadline } from "../src/lib/interval.ts";
import { commandLines, PrivateProcess } from "./private-process.ts";

const MODULE = new URL("./private-process.ts", import.meta.url).pathname;
const NOT_SO_LONG = "3600.25";

function sleepers(): string[] {
  return commandLines().filter((line) => line === `sleep ${NOT_SO_LONG}`);
}

async function untilGone(): Promise<void> {
  while (sleepers().length > 0) await delay(10);
}

test("a service ends when the process that started it is killed", async () => {
  const source = `
    import { commandLines, PrivateProcess } from ${JSON.stringify(MODULE)};
    new PrivateProcess(["sleep", "${NOT_SO_LONG}"], { log: "/dev/null" });
    setInterval(() => {}, 1000);
  `;
  const starter = Bun.spawn([process.execPath, "-e", source], { stdout: "ignore", stderr: "inherit" });
  while (sleepers().length === 0) await delay(10);
  starter.kill("SIGKILL");
  await starter.exited;
  await withDeadline(untilGone(), 5000, "the service runs on");
});

test("kill ends a service and what it has started", async () => {
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const log = join(dir, "log");
  const service = new PrivateProcess(["sh", "-c", `sleep ${NOT_SO_LONG} & echo has started; wait`], { log });
  while (sleepers().length === 0) await delay(10);
  await service.kill();
  expect([sleepers(), service.hasEnded]).toEqual([[], true]);
  expect(await Bun.file(log).text()).toBe("has started\n");
  rmSync(dir, { recursive: true });
});
