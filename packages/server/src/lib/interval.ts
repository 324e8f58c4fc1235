/** Stops what was started. Calling it again does nothing. */
export type Stop = () => void;

/** Runs `task` every `ms` milliseconds, first after `ms`. A running timer keeps the process alive until it is stopped. */
export function every(ms: number, task: () => void): Stop {
  const timer = setInterval(task, ms);
  return () => clearInterval(timer);
}

/** Runs `task` once after `ms` milliseconds, unless stopped before. */
export function after(ms: number, task: () => void): Stop {
  const timer = setTimeout(task, ms);
  return () => clearTimeout(timer);
}

/**
 * Resolves after `ms` milliseconds, or at once when `signal` is aborted; look at `signal.aborted` to tell them apart.
 * It never rejects.
 */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve();
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener("abort", done);
  });
}

/** Settles like `promise`, or rejects with `message` after `ms` milliseconds. `promise` itself continues. */
export async function withDeadline<T>(promise: Promise<T>, ms: number, message: string): Promise<T> {
  let stop: Stop = () => {};
  const late = new Promise<never>((_, reject) => {
    stop = after(ms, () => reject(new Error(message)));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    stop();
  }
}

/** Lets everything that waits in the event loop run first: sockets, timers, other requests. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
