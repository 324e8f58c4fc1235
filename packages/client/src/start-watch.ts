import { onProcessEnd } from "./lib/process-end.ts";
import { later } from "./lib/timers.ts";

/** Watches a client that is not running, and for which somebody waits: for events, or for what they have sent. */
export class StartWatch {
  readonly #parts: StartWatchParts;
  #state: "new" | "started" | "stopped" = "new";
  #end: (() => void) | undefined;

  constructor(parts: StartWatchParts) {
    this.#parts = parts;
  }

  /** Somebody waits for the client from now on. */
  expect(): void {
    if (this.#end || this.#state === "started") return;
    const { ms, onLate, onEnd } = this.#parts;
    const isNew = this.#state === "new";
    const cancelTimer = isNew ? later(ms, onLate) : () => {};
    const cancelEnd = onProcessEnd(() => onEnd({ isNew }));
    this.#end = () => {
      cancelTimer();
      cancelEnd();
    };
  }

  stopped(): void {
    this.#state = "stopped";
  }

  started(): void {
    this.#state = "started";
    this.#end?.();
    this.#end = undefined;
  }
}

interface StartWatchParts {
  /** How long a program may take to start a new client. */
  readonly ms: number;
  readonly onLate: () => void;
  /** The process has nothing more to do, so the client will never be started. */
  readonly onEnd: (client: { isNew: boolean }) => void;
}
