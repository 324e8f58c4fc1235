import { expect, jest, test } from "bun:test";
import { createLogger } from "../ops/logger.ts";
import { type WorkerProcess, Workers } from "./workers.ts";

/** Processes that a test ends by hand. */
class Fakes {
  readonly started: { pid: number; index: number; end(how: string): void }[] = [];
  readonly lines: string[] = [];
  asked = 0;
  mayBegin: boolean | Promise<boolean> = true;
  readonly workers: Workers;

  constructor(count: number) {
    this.workers = new Workers({
      count,
      logger: createLogger({ level: "info", sink: { write: (line) => void this.lines.push(line) } }),
      start: (index) => this.#start(index),
      mayBegin: async () => {
        this.asked += 1;
        return this.mayBegin;
      },
    });
  }

  #start(index: number): WorkerProcess {
    const { promise, resolve } = Promise.withResolvers<string>();
    const fake = { pid: this.started.length + 100, index, end: resolve };
    this.started.push(fake);
    return { pid: fake.pid, exited: promise, kill: () => resolve("ended by SIGKILL") };
  }

  async begin(): Promise<void> {
    const starting = this.workers.start();
    for (const { pid } of this.started) this.workers.markReady(pid);
    await starting;
  }

  async until(isThere: () => boolean): Promise<void> {
    while (!isThere()) await Bun.sleep(5);
  }
}

/** Lets what has happened take effect. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

test("PROC-12: one that ends before it is ready ends the start, with how it ended", async () => {
  const fakes = new Fakes(2);
  const starting = fakes.workers.start();
  fakes.started[1]?.end("exit code 1");
  expect(await starting.catch((error: Error) => error.message)).toBe("Worker 2 ended before it was ready: exit code 1");
  expect(fakes.started.length).toBe(2);
});

test("PROC-2: one that ends gets a successor in its place", async () => {
  const fakes = new Fakes(2);
  await fakes.begin();
  fakes.started[0]?.end("ended by SIGKILL");
  await fakes.until(() => fakes.started.length === 3);
  expect(fakes.started[2]?.index).toBe(0);
  expect(fakes.workers.processes).toEqual([
    { index: 1, pid: 101 },
    { index: 0, pid: 102 },
  ]);
  expect(fakes.workers.replaced).toBe(1);
  expect(fakes.lines.join("")).toContain('"how":"ended by SIGKILL"');
});

test("PROC-12: those that end at once are replaced later and later, for as long as it takes", async () => {
  jest.useFakeTimers();
  try {
    const fakes = new Fakes(1);
    await fakes.begin();
    const waits: number[] = [];
    for (let n = 0; n < 40; n++) {
      fakes.started.at(-1)?.end("exit code 1");
      await settled();
      const { inMs } = JSON.parse(fakes.lines[n] as string) as { inMs: number };
      waits.push(inMs);
      jest.advanceTimersByTime(inMs - 1);
      await settled();
      expect(fakes.started.length).toBe(n + 1);
      jest.advanceTimersByTime(1);
      await settled();
      expect(fakes.started.length).toBe(n + 2);
    }
    expect(waits).toEqual([500, 1000, 2000, 4000, ...Array(36).fill(8000)]);
  } finally {
    jest.useRealTimers();
  }
});

test("PROC-12: while the database cannot be used none is begun, which is said once; afterwards all places are filled", async () => {
  jest.useFakeTimers();
  try {
    const fakes = new Fakes(3);
    await fakes.begin();
    fakes.mayBegin = false;
    fakes.started[0]?.end("ended by SIGKILL");
    await settled();
    const said = () => fakes.lines.filter((line) => line.includes("no worker can start until"));
    const askedAtMs: number[] = [];
    for (let ms = 500; ms < 40_000; ms += 500) {
      const before = fakes.asked;
      jest.advanceTimersByTime(500);
      await settled();
      if (fakes.asked > before) askedAtMs.push(ms);
    }
    expect(askedAtMs).toEqual([500, 1500, 3500, 7500, 15_500, 23_500, 31_500, 39_500]);
    fakes.started[2]?.end("ended by SIGKILL");
    await settled();
    jest.advanceTimersByTime(8000);
    await settled();
    expect(fakes.workers.processes).toEqual([{ index: 1, pid: 101 }]);
    expect(said()).toHaveLength(1);
    fakes.mayBegin = true;
    jest.advanceTimersByTime(8000);
    await settled();
    expect(fakes.workers.processes.map(({ index }) => index).toSorted()).toEqual([0, 1, 2]);
    expect(fakes.workers.replaced).toBe(2);
    expect(fakes.lines).toHaveLength(3);
    // The next time is told again.
    fakes.mayBegin = false;
    fakes.started[1]?.end("ended by SIGKILL");
    await settled();
    jest.advanceTimersByTime(8000);
    await settled();
    expect(said()).toHaveLength(2);
  } finally {
    jest.useRealTimers();
  }
});

test("PROC-7: at the end nobody is begun whose turn to begin was being looked for", async () => {
  const fakes = new Fakes(1);
  await fakes.begin();
  const { promise, resolve } = Promise.withResolvers<boolean>();
  fakes.mayBegin = promise;
  fakes.started[0]?.end("ended by SIGKILL");
  await fakes.until(() => fakes.asked === 1);
  await fakes.workers.ended();
  resolve(true);
  await settled();
  expect(fakes.started.length).toBe(1);
});

test("PROC-7: at the end one that does not serve yet is ended at once, and the others by themselves", async () => {
  const fakes = new Fakes(2);
  await fakes.begin();
  fakes.started[0]?.end("ended by SIGKILL");
  await fakes.until(() => fakes.started.length === 3);
  const ended = fakes.workers.ended();
  await fakes.until(() => fakes.workers.processes.length === 1);
  expect(fakes.workers.processes).toEqual([{ index: 1, pid: 101 }]);
  fakes.started[1]?.end("exit code 0");
  await ended;
  expect(fakes.started.length).toBe(3);
});

test("PROC-7: at the end nobody is replaced", async () => {
  const fakes = new Fakes(2);
  await fakes.begin();
  const ended = fakes.workers.ended();
  for (const { end } of fakes.started) end("exit code 0");
  await ended;
  expect(fakes.started.length).toBe(2);
  expect(fakes.lines).toEqual([]);
});
