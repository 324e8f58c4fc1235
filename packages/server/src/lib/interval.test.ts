import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { after, delay, every, nextTurn, withDeadline } from "./interval.ts";

/** Time passes only where a test says so; a timer that is still set shows in the count. */
beforeEach(() => void jest.useFakeTimers());
afterEach(() => void jest.useRealTimers());

const pass = (ms: number) => void jest.advanceTimersByTime(ms);
const timers = () => jest.getTimerCount();

/** Whether a promise has settled by now, whatever became of it. */
async function settled(promise: Promise<unknown>): Promise<boolean> {
  let done = false;
  const settle = () => {
    done = true;
  };
  promise.then(settle, settle);
  for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  return done;
}

/** A signal that counts who listens. */
function countedSignal() {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners += 1;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners -= 1;
    remove(...args);
  };
  return { controller, signal, listeners: () => listeners };
}

describe("every", () => {
  test("runs first after its time, then each time again", () => {
    let runs = 0;
    const stop = every(100, () => {
      runs += 1;
    });
    pass(99);
    expect(runs).toBe(0);
    pass(1);
    expect(runs).toBe(1);
    pass(200);
    expect(runs).toBe(3);
    stop();
  });

  test("runs no more once stopped, from within a run too, and keeps no timer", () => {
    let runs = 0;
    const stop = every(100, () => {
      runs += 1;
      if (runs === 3) stop();
    });
    pass(10_000);
    expect(runs).toBe(3);
    expect(timers()).toBe(0);
    stop();
  });
});

describe("after", () => {
  test("runs once, after its time", () => {
    let runs = 0;
    after(100, () => {
      runs += 1;
    });
    pass(99);
    expect(runs).toBe(0);
    pass(1000);
    expect(runs).toBe(1);
    expect(timers()).toBe(0);
  });

  test("does not run once stopped, and keeps no timer", () => {
    let ran = false;
    const stop = after(100, () => {
      ran = true;
    });
    stop();
    stop();
    expect(timers()).toBe(0);
    pass(1000);
    expect(ran).toBe(false);
  });
});

describe("delay", () => {
  test("waits for its time, not less", async () => {
    const waiting = delay(60_000);
    pass(59_999);
    expect(await settled(waiting)).toBe(false);
    pass(1);
    expect(await settled(waiting)).toBe(true);
  });

  test("ends at once when it is aborted, without the time having passed, and keeps no timer", async () => {
    const controller = new AbortController();
    const waiting = delay(60_000, controller.signal);
    expect(await settled(waiting)).toBe(false);
    expect(timers()).toBe(1);
    controller.abort();
    expect(await settled(waiting)).toBe(true);
    expect(timers()).toBe(0);
  });

  test("does not begin to wait when it was aborted before", async () => {
    const waiting = delay(60_000, AbortSignal.abort());
    expect(timers()).toBe(0);
    expect(await settled(waiting)).toBe(true);
  });

  test("leaves no listener on a signal that lives longer than it does", async () => {
    const { controller, signal, listeners } = countedSignal();
    const first = delay(1000, signal);
    expect(listeners()).toBe(1);
    pass(1000);
    expect(await settled(first)).toBe(true);
    expect(listeners()).toBe(0);
    const second = delay(1000, signal);
    controller.abort();
    expect(await settled(second)).toBe(true);
    expect(listeners()).toBe(0);
  });
});

describe("withDeadline", () => {
  test("passes the outcome on, good or bad, and keeps no timer", async () => {
    expect(await withDeadline(Promise.resolve(7), 1000, "late")).toBe(7);
    await expect(withDeadline(Promise.reject(new Error("own")), 1000, "late")).rejects.toThrow("own");
    expect(timers()).toBe(0);
  });

  test("rejects with its message after its time, not before", async () => {
    const late = withDeadline(new Promise(() => {}), 1000, "late");
    pass(999);
    expect(await settled(late)).toBe(false);
    pass(1);
    await expect(late).rejects.toThrow("late");
  });

  test("what fails after the deadline is nobody's unhandled failure", async () => {
    const slow = Promise.withResolvers<never>();
    const late = withDeadline(slow.promise, 1000, "late");
    pass(1000);
    await expect(late).rejects.toThrow("late");
    slow.reject(new Error("own"));
    await expect(late).rejects.toThrow("late");
  });
});

test("nextTurn lets what waits in the event loop run first, not only other promises", async () => {
  jest.useRealTimers();
  const order: string[] = [];
  const timer = new Promise<void>((resolve) => {
    setImmediate(() => {
      order.push("waiting");
      resolve();
    });
  });
  await nextTurn();
  order.push("turn");
  await timer;
  expect(order).toEqual(["waiting", "turn"]);
});
