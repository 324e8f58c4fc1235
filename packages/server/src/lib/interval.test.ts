import { expect, test } from "bun:test";
import { after, delay, every, withDeadline } from "./interval.ts";

test("every runs until it is stopped", async () => {
  let runs = 0;
  await new Promise<void>((resolve) => {
    const stop = every(1, () => {
      runs += 1;
      if (runs === 3) {
        stop();
        stop();
        resolve();
      }
    });
  });
  await delay(10);
  expect(runs).toBe(3);
});

test("after does not run once stopped", async () => {
  let ran = false;
  const stop = after(1, () => {
    ran = true;
  });
  stop();
  await delay(5);
  expect(ran).toBe(false);
});

test("delay ends at once when aborted, before or during", async () => {
  const controller = new AbortController();
  const waiting = delay(60_000, controller.signal);
  controller.abort();
  await waiting;
  await delay(60_000, controller.signal);
});

test("withDeadline passes the outcome on, or rejects", async () => {
  expect(await withDeadline(Promise.resolve(7), 1000, "late")).toBe(7);
  await expect(withDeadline(Promise.reject(new Error("own")), 1000, "late")).rejects.toThrow("own");
  await expect(withDeadline(new Promise(() => {}), 1, "late")).rejects.toThrow("late");
});
