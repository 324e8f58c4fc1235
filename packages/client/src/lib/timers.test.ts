import { expect, spyOn, test } from "bun:test";
import { after, pause } from "./timers.ts";

test("SDK-24: a wait longer than a timer can be is several timers, and runs once, at its end", () => {
  const set: { run: () => void; ms: number }[] = [];
  const timers = spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms: number) =>
    set.push({ run, ms })) as never);
  try {
    let ran = 0;
    after(2 ** 31 + 5, () => {
      ran += 1;
    });
    expect(set.map(({ ms }) => ms)).toEqual([2 ** 31 - 1]);
    set[0]?.run();
    expect([ran, set.map(({ ms }) => ms)]).toEqual([0, [2 ** 31 - 1, 6]]);
    set[1]?.run();
    expect([ran, set.length]).toEqual([1, 2]);
    after(2 ** 31 - 1, () => {});
    expect(set.at(-1)?.ms).toBe(2 ** 31 - 1);
  } finally {
    timers.mockRestore();
  }
});

test("SDK-28: a pause ends at once where its signal has fired, and when it fires", async () => {
  const over = AbortSignal.abort();
  const abort = new AbortController();
  let ended = 0;
  const set = spyOn(globalThis, "setTimeout");
  const clear = spyOn(globalThis, "clearTimeout");
  try {
    void pause(3_600_000, over).then(() => {
      ended += 1;
    });
    expect(set).not.toHaveBeenCalled();
    await Promise.resolve();
    expect(ended).toBe(1);
    const paused = pause(3_600_000, abort.signal);
    expect([set.mock.calls.length, clear.mock.calls.length]).toEqual([1, 0]);
    abort.abort();
    await paused;
    expect(clear).toHaveBeenCalledTimes(1);
  } finally {
    set.mockRestore();
    clear.mockRestore();
  }
});
