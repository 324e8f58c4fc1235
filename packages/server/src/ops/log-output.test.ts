import { afterAll, expect, jest, spyOn, test } from "bun:test";
import fs, { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { LogOutput } from "./log-output.ts";

const dir = mkdtempSync(join(tmpdir(), "parley-log-"));
afterAll(() => rmSync(dir, { recursive: true }));

/** A pipe that holds some 64 KiB, and takes more only as it is read. */
function pipe(name: string) {
  const path = join(dir, name);
  Bun.spawnSync(["mkfifo", path]);
  const fd = openSync(path, constants.O_RDWR);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const chunk = Buffer.alloc(1 << 20);
  return {
    fd,
    /** What lies in it now. */
    read(): string {
      try {
        return chunk.toString("utf8", 0, readSync(reader, chunk));
      } catch {
        return "";
      }
    },
    close() {
      closeSync(reader);
      closeSync(fd);
    },
  };
}

/** Makes a descriptor write to another file from now on. */
function lead(fd: number, path: string): void {
  closeSync(fd);
  const lower: number[] = [];
  for (let next = openSync(path, "w"); next !== fd; next = openSync(path, "w")) {
    expect(next).toBeLessThan(fd);
    lower.push(next);
  }
  for (const other of lower) closeSync(other);
}

const flush = (output: LogOutput) => new Promise<void>((resolve) => output.flush(resolve));

test("HTTP-42: lines come in order, and flush says when they are there", async () => {
  const { fd, read, close } = pipe("order");
  const output = new LogOutput({ fd });
  const lines = Array.from({ length: 500 }, (_, n) => `line ${n}\n`);
  // The second after which it says so in any case never passes.
  jest.useFakeTimers();
  try {
    for (const line of lines) output.write(line);
    await flush(output);
  } finally {
    jest.useRealTimers();
  }
  expect(read()).toBe(lines.join(""));
  close();
});

test("HTTP-42: a reader that stands still costs lines, which are counted, and no time", async () => {
  const { fd, read, close } = pipe("still");
  const output = new LogOutput({ fd, maxBytes: 200_000 });
  const { promise: told, resolve: tell } = Promise.withResolvers<number>();
  output.onLeftOut(tell);
  const line = `${"x".repeat(999)}\n`;
  for (let n = 0; n < 300; n++) output.write(line);
  await flush(output);
  let text = "";
  const reading = setInterval(() => {
    text += read();
  }, 1);
  const leftOut = await withDeadline(told, 10_000, "nobody was told");
  await flush(output);
  clearInterval(reading);
  text += read();
  expect(leftOut).toBe(100);
  expect(text).toBe(line.repeat(200));
  // Told once.
  output.onLeftOut(() => expect.unreachable());
  output.write(line);
  await flush(output);
  close();
}, 20_000);

test("HTTP-42: a full disk neither throws nor holds up the end, and lines go on when it has room", async () => {
  const full = openSync("/dev/full", "w");
  const output = new LogOutput({ fd: full, maxBytes: 3000 });
  const line = `${"x".repeat(999)}\n`;
  for (let n = 0; n < 5; n++) output.write(line);
  await flush(output);
  // Room again: the descriptor leads elsewhere now.
  const { fd, read, close } = pipe("room");
  lead(full, `/proc/self/fd/${fd}`);
  const { promise: told, resolve: tell } = Promise.withResolvers<number>();
  output.onLeftOut(tell);
  expect(await withDeadline(told, 10_000, "nobody was told")).toBe(2);
  expect(read()).toBe(line.repeat(3));
  close();
}, 20_000);

test("HTTP-42: however many lines came while the disk was full, it is tried once a second", async () => {
  const full = openSync("/dev/full", "w");
  const output = new LogOutput({ fd: full });
  using tries = spyOn(fs, "write");
  const made = () => tries.mock.calls.length;
  for (let lines = 0; lines < 200 || made() <= 20; lines++) {
    output.write("line\n");
    await delay(1);
  }
  const before = made();
  const beganMs = uptimeMs();
  while (made() < before + 3) await delay(10);
  // The first one may be due already. With one retry for each failure there would be twenty in the first second.
  expect(made() - before).toBeLessThanOrEqual((uptimeMs() - beganMs) / 1000 + 1.5);
  // Its lines go nowhere from now on. Closed, the number would soon be another test's file, and they would be written into that.
  lead(full, "/dev/null");
}, 20_000);
