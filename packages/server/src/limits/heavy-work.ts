import { after, nextTurn } from "../lib/interval.ts";
import { CAPS } from "./caps.ts";
import { rateLimited } from "./rate-limited.ts";
import { ReadTurns } from "./read-turns.ts";

const AT_ONCE = CAPS.heavyWork.count;
const WAITING_MAX = CAPS.heavyWaiting.count;
const COUNTS = "heavy requests at once";
const WAIT_MS = CAPS.heavyWait.count * 1000;

/** What one of them has under way, and what waits, in the order of coming. */
interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

/**
 * Requests that take long when somebody has or asks for much: lists, pages of history, exports, polls, rooms that are made or
 * filled. Of each one who asks, a person or an address, a few are answered at once; the others wait for their turn, in order. Beyond
 * the wait, or where too many wait: 429 `rate_limited` with Retry-After. Called for each such request; where nothing else of theirs is
 * under way it costs a look into a map.
 *
 * A place that becomes free is handed over in a later turn of the loop, since the database answers within one: otherwise
 * all that somebody asked for would be done before anybody else is served.
 */
export class HeavyWork {
  /** Of what only reads. What makes rooms waits for the writer, which has turns of its own. */
  readonly reads: ReadTurns;
  readonly #lines = new Map<string | number, Line>();
  readonly #waitMs: number;

  /** @param limits.waitMs another wait, for tests */
  constructor({ waitMs = WAIT_MS }: { waitMs?: number } = {}) {
    this.#waitMs = waitMs;
    this.reads = new ReadTurns({ waitMs });
  }

  /** Those who have something under way. */
  get size(): number {
    return this.#lines.size;
  }

  /** @throws ProblemError `rate_limited` when `work` had no turn; otherwise as `work` does */
  async run<T>(who: string | number, work: () => Promise<T>): Promise<T> {
    const line = this.#lineOf(who);
    if (line.running >= AT_ONCE) await this.#turn(line);
    else line.running += 1;
    try {
      return await work();
    } finally {
      this.#leave(who, line);
    }
  }

  /** The same for what only reads: it has its turn in the process as well. @throws ProblemError `overloaded` too */
  read<T>(who: string | number, work: () => Promise<T>): Promise<T> {
    return this.run(who, () => this.reads.run(who, work));
  }

  #lineOf(who: string | number): Line {
    const found = this.#lines.get(who);
    if (found) return found;
    const line = { running: 0, waiting: new Set<() => void>() };
    this.#lines.set(who, line);
    return line;
  }

  /** Resolves with a place that another left. */
  #turn({ waiting }: Line): Promise<void> {
    if (waiting.size >= WAITING_MAX) throw rateLimited(COUNTS, this.#waitMs);
    return new Promise((resolve, reject) => {
      const begin = () => {
        stop();
        resolve();
      };
      const stop = after(this.#waitMs, () => {
        waiting.delete(begin);
        reject(rateLimited(COUNTS, this.#waitMs));
      });
      waiting.add(begin);
    });
  }

  #leave(who: string | number, line: Line): void {
    if (line.waiting.size === 0) return this.#free(who, line);
    void nextTurn().then(() => {
      const next = line.waiting.values().next().value;
      if (!next) return this.#free(who, line);
      line.waiting.delete(next);
      next();
    });
  }

  #free(who: string | number, line: Line): void {
    line.running -= 1;
    if (line.running === 0) this.#lines.delete(who);
  }
}
