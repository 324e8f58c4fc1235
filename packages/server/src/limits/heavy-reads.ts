import { after, nextTurn } from "../lib/interval.ts";
import { CAPS } from "./limits.ts";
import { rateLimited } from "./rate-limited.ts";

const AT_ONCE = CAPS.heavyReads.count;
const WAITING_MAX = CAPS.heavyReadsWaiting.count;
const WAIT_MS = CAPS.heavyReadWait.count * 1000;

/** What one reader has under way, and what waits, in the order of coming. */
interface Line {
  running: number;
  readonly waiting: Set<() => void>;
}

/**
 * Reads that take long when somebody has much: lists, pages of history, exports, polls. Of each reader, a person or an address,
 * a few are made at once; the others wait for their turn, in order. Beyond the wait, or where too many wait: 429 `rate_limited`
 * with Retry-After. Called for each such request; where nothing else of the reader is under way it costs a look into a map.
 *
 * A place that becomes free is handed over in a later turn of the loop, since the database answers within one: otherwise
 * all that somebody asked for would be read before anybody else is served.
 */
export class HeavyReads {
  readonly #lines = new Map<string | number, Line>();
  readonly #waitMs: number;

  /** @param limits.waitMs another wait, for tests */
  constructor({ waitMs = WAIT_MS }: { waitMs?: number } = {}) {
    this.#waitMs = waitMs;
  }

  /** Readers that have something under way. */
  get size(): number {
    return this.#lines.size;
  }

  /** @throws ProblemError `rate_limited` when `read` had no turn; otherwise as `read` does */
  async run<T>(reader: string | number, read: () => Promise<T>): Promise<T> {
    const line = this.#lineOf(reader);
    if (line.running >= AT_ONCE) await this.#turn(line);
    else line.running += 1;
    try {
      return await read();
    } finally {
      this.#leave(reader, line);
    }
  }

  #lineOf(reader: string | number): Line {
    const found = this.#lines.get(reader);
    if (found) return found;
    const line = { running: 0, waiting: new Set<() => void>() };
    this.#lines.set(reader, line);
    return line;
  }

  /** Resolves with a place that another left. */
  #turn({ waiting }: Line): Promise<void> {
    if (waiting.size >= WAITING_MAX) throw rateLimited(CAPS.heavyReads.counts, this.#waitMs);
    return new Promise((resolve, reject) => {
      const begin = () => {
        stop();
        resolve();
      };
      const stop = after(this.#waitMs, () => {
        waiting.delete(begin);
        reject(rateLimited(CAPS.heavyReads.counts, this.#waitMs));
      });
      waiting.add(begin);
    });
  }

  #leave(reader: string | number, line: Line): void {
    if (line.waiting.size === 0) return this.#free(reader, line);
    void nextTurn().then(() => {
      const next = line.waiting.values().next().value;
      if (!next) return this.#free(reader, line);
      line.waiting.delete(next);
      next();
    });
  }

  #free(reader: string | number, line: Line): void {
    line.running -= 1;
    if (line.running === 0) this.#lines.delete(reader);
  }
}
