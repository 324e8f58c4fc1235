import { afterEach, expect, jest, test } from "bun:test";
import { tmpdir } from "node:os";
import { StorageFault } from "./db/storage-fault.ts";
import type { Writes } from "./db/writer.ts";
import type { Stop } from "./lib/interval.ts";
import { withDeadline } from "./lib/interval.ts";
import { Health } from "./ops/health.ts";
import { createLogger } from "./ops/logger.ts";
import { StorageWatch } from "./storage-watch.ts";

const FAULT = "cannot grow, since its disk is full (SQLite: database or disk is full).";
const WELL = "writes can be stored again";
let stop: Stop | undefined;
afterEach(() => {
  stop?.();
  jest.useRealTimers();
});

/** A watch over a storage that does what `write` says at each try. */
function scene(write: () => Promise<void>, dataDir = tmpdir()) {
  const health = new Health();
  const lines: string[] = [];
  const { promise: isWell, resolve: becomesWell } = Promise.withResolvers<void>();
  const note = (line: string) => {
    const { msg } = JSON.parse(line);
    lines.push(msg);
    if (msg === WELL) becomesWell();
  };
  const logger = createLogger({ level: "info", sink: { write: note } });
  let fail = (_fault: string) => {};
  let tries = 0;
  const { promise: triedThrice, resolve } = Promise.withResolvers<void>();
  const run = async () => {
    tries += 1;
    if (tries > 3) resolve();
    await write();
  };
  const onFault = (tell: typeof fail) => {
    fail = tell;
  };
  const storage = { writes: { run } as unknown as Writes, onFault };
  const watch = new StorageWatch({
    storage,
    health,
    logger,
    data: { dir: dataDir, databaseUrl: undefined },
    againMs: 1,
  });
  const thrice = () => withDeadline(triedThrice, 3000, "it did not try again");
  const well = () => withDeadline(isWell, 3000, "it did not get well");
  return { watch, health, lines, fail: (fault: string) => fail(fault), thrice, well, tries: () => tries };
}

test("HTTP-50: a fault is told once, tried against until a write succeeds, and its end is told once", async () => {
  let failing = false;
  const { watch, health, lines, fail, thrice, well } = scene(async () => {
    if (failing) throw new StorageFault(FAULT);
  });
  stop = await watch.start();
  failing = true;
  for (let n = 0; n < 3; n++) fail(FAULT);
  expect(health.storageFails).toBe(true);
  await thrice();
  expect(health.storageFails).toBe(true);
  failing = false;
  await well();
  expect(health.storageFails).toBe(false);
  expect(lines).toEqual(["nothing can be stored; /readyz is 503 until it can", WELL]);
});

test("HTTP-50: a server that is well tries nothing", async () => {
  jest.useFakeTimers();
  const { watch, tries } = scene(async () => {});
  stop = await watch.start();
  jest.advanceTimersByTime(1000);
  expect(tries()).toBe(1);
});

test.skipIf(process.platform !== "linux")(
  "HTTP-50: that one small write found room does not make a full disk well",
  async () => {
    // A file system that never has room.
    const { watch, health, fail, thrice } = scene(async () => {}, "/proc");
    stop = await watch.start();
    fail(FAULT);
    await thrice();
    expect(health.storageFails).toBe(true);
  },
);
