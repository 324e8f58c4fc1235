import { isatty } from "node:tty";
import type { Clock } from "../lib/clock.ts";

/**
 * One request to stop may arrive twice: a launcher passes on a SIGTERM that its whole group got, and npm passes on a Ctrl-C that the terminal
 * sent to the server as well. A repeat of the same signal this close counts as one. People press Ctrl-C twice to end a server at once, so
 * there it has to be very close.
 */
const ECHO_MS = { SIGTERM: 1000, SIGINT: 100, SIGHUP: 100 } as const;
type StopSignal = keyof typeof ECHO_MS;

/**
 * Calls `onFirst` at the first sign that the process should stop and `onSecond` at the next one. From the call on, the
 * signals do nothing else. Listens until the process ends.
 */
export function watchStopSignals({ clock, hasTerminal, onFirst, onSecond }: StopWatch): void {
  let first: { readonly signal: StopSignal; readonly at: number } | undefined;
  for (const signal of Object.keys(ECHO_MS) as StopSignal[]) {
    process.on(signal, () => {
      // Without a terminal nothing has hung up: `nohup` and supervisors mean the server to go on. Node and Bun undo what `nohup` set, so it
      // has to be ignored here.
      if (signal === "SIGHUP" && !hasTerminal) return;
      const at = clock.now();
      if (first === undefined) {
        first = { signal, at };
        onFirst(signal);
        return;
      }
      const isEcho = first.signal === signal && at - first.at < ECHO_MS[signal];
      if (!isEcho) onSecond(signal);
    });
  }
}

/** Whether somebody started this process from a terminal that it is still attached to. */
export function isAtTerminal(): boolean {
  return [0, 1, 2].some((fd) => isatty(fd));
}

interface StopWatch {
  readonly clock: Clock;
  /** What SIGHUP means: the terminal has gone, or nothing. */
  readonly hasTerminal: boolean;
  onFirst(signal: string): void;
  onSecond(signal: string): void;
}
