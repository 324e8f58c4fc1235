import type { Clock } from "../lib/clock.ts";

/**
 * A Ctrl-C under npm arrives twice within milliseconds: from the terminal and passed on by npm. Repeats of SIGINT and
 * SIGHUP this close count as one; nobody presses twice that fast on purpose. SIGTERM does not come from terminals.
 */
const SAME_GESTURE_MS = 100;

const SIGNALS = ["SIGTERM", "SIGINT", "SIGHUP"] as const;
type StopSignal = (typeof SIGNALS)[number];

/**
 * Calls `onFirst` at the first sign that the process should stop and `onSecond` at the next one. From the call on, the
 * signals do nothing else. Listens until the process ends.
 */
export function watchStopSignals({ clock, onFirst, onSecond }: StopWatch): void {
  let first: { readonly signal: StopSignal; readonly at: number } | undefined;
  for (const signal of SIGNALS) {
    process.on(signal, () => {
      const at = clock.now();
      if (first === undefined) {
        first = { signal, at };
        onFirst(signal);
        return;
      }
      const repeat = signal !== "SIGTERM" && first.signal === signal && at - first.at < SAME_GESTURE_MS;
      if (!repeat) onSecond(signal);
    });
  }
}

interface StopWatch {
  readonly clock: Clock;
  onFirst(signal: string): void;
  onSecond(signal: string): void;
}
