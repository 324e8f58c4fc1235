export type Cancel = () => void;

/** A longer timer fires at once. */
const TIMER_MAX_MS = 2 ** 31 - 1;

/** Runs something once, later; servers may ask for any length. */
export function after(ms: number, run: () => void): Cancel {
  let timer: ReturnType<typeof setTimeout>;
  const wait = (leftMs: number) => {
    const nextMs = Math.min(leftMs, TIMER_MAX_MS);
    timer = setTimeout(() => (leftMs > nextMs ? wait(leftMs - nextMs) : run()), nextMs);
  };
  wait(ms);
  return () => clearTimeout(timer);
}

/** Runs something once, later, without keeping a process alive for it. */
export function later(ms: number, run: () => void): Cancel {
  const timer = setTimeout(run, ms);
  (timer as { unref?: () => void }).unref?.();
  return () => clearTimeout(timer);
}

/** Runs something again and again without keeping a process alive for it. */
export function every(ms: number, run: () => void): Cancel {
  const timer = setInterval(run, ms);
  // In browsers a timer is a number.
  (timer as { unref?: () => void }).unref?.();
  return () => clearInterval(timer);
}

/** Resolves after `ms`, or when the signal fires. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      cancel();
      signal.removeEventListener("abort", end);
      resolve();
    };
    const cancel = after(ms, end);
    signal.addEventListener("abort", end, { once: true });
  });
}
