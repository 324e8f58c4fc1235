import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, withDeadline } from "../src/lib/interval.ts";
import { commandLines, PrivateProcess } from "./private-process.ts";

const MODULE = new URL("./private-process.ts", import.meta.url).pathname;
/** Another one in each run, since all on the machine are looked at. */
const LONG = `3600.${process.pid}`;
const LIMIT_MS = 60_000;

function sleepers(): string[] {
  return commandLines().filter((line) => line === `sleep ${LONG}`);
}

async function untilGone(): Promise<void> {
  while (sleepers().length > 0) await delay(10);
}

test(
  "a service ends when the process that started it is killed",
  async () => {
    const source = `
    import { commandLines, PrivateProcess } from ${JSON.stringify(MODULE)};
    new PrivateProcess(["sleep", "${LONG}"], { log: "/dev/null" });
    setInterval(() => {}, 1000);
  `;
    const starter = Bun.spawn([process.execPath, "-e", source], { stdout: "ignore", stderr: "inherit" });
    while (sleepers().length === 0) await delay(10);
    starter.kill("SIGKILL");
    await starter.exited;
    await withDeadline(untilGone(), 20_000, "the service runs on");
  },
  LIMIT_MS,
);

test(
  "kill ends a service and what it has started",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
    const log = join(dir, "log");
    const service = new PrivateProcess(["sh", "-c", `sleep ${LONG} & echo has started; wait`], { log });
    const said = () => Bun.file(log).text();
    // The shell may say so before the other program is there, or after it.
    while (sleepers().length === 0 || (await said()) === "") await delay(10);
    await service.kill();
    expect([sleepers(), service.hasEnded]).toEqual([[], true]);
    expect(await said()).toBe("has started\n");
    rmSync(dir, { recursive: true });
  },
  LIMIT_MS,
);
