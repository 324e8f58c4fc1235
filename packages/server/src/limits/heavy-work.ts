import { after, nextTurn } from "../lib/interval.ts";
import { CAPS } from "./caps.ts";
import { rateLimited } from "./rate-limited.ts";
import { ReadTurns } from "./read-turns.ts";

const AT_ONCE = CAPS.heavyWork.count;
const WAITING_MAX = CAPS.heavyWaiting.count;
const COUNTS = "heavy requests at once";
const WAIT_MS = CAPS.heavyWait.count * 1000;

/** A requester's work in progress, and what waits, in order of arrival. */
interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

/**
 * Requests that take long when somebody has or requests a lot: lists, pages of history, exports, polls, rooms that are made or filled. A
 * few of each requester, a person or an address, are answered at once; the others wait for their turn, in order. Beyond the wait, or if too
 * many wait: 429 `rate_limited` with Retry-After. Called for each such request; if the requester has no other in progress it costs a look
 * into a map.
 *
 * A place that becomes free is passed on in a later turn of the loop, because the database answers within one: otherwise everything that
 * somebody requested would be done before anybody else is served.
 */
export class HeavyWork {
  /** For work that only reads. Work that makes rooms waits for the writer, which has its own turns. */
  readonly reads: ReadTurns;
  readonly #lines = new Map<string | number, Line>();
  readonly #waitMs: number;

  /** @param limits.waitMs another wait, for tests */
  constructor({ waitMs = WAIT_MS }: { waitMs?: number } = {}) {
    this.#waitMs = waitMs;
    this.reads = new ReadTurns({ waitMs });
  }

  /** Requesters with work in progress. */
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

  /** The same for work that only reads, which also takes turns in the whole process. @throws ProblemError `overloaded` too */
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
