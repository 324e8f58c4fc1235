import { after, delay, nextTurn } from "../lib/interval.ts";
import { once } from "../lib/once.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs, workedMs } from "../lib/uptime.ts";
import { CAPS } from "./caps.ts";
import { isTurnOfKey } from "./turn-of-key.ts";

const AT_ONCE = CAPS.readsAtOnce.count;
const WAITING_MAX = CAPS.readsWaiting.count;
const STRANGERS_WAITING_MAX = CAPS.strangersReadsWaiting.count;
const WAIT_MS = CAPS.heavyWait.count * 1000;
/** A read and the rest behind it, which is as long: so heavy reads have at most half of the thread's time. */
const COST = 2;
/** A read that takes longer waits for something else than the database: it is no longer one of those at once, nor paid for meanwhile. */
const READ_MS_MAX = 250;
/** Short reads that come now and then do not wait for each other's rest. */
const BURST_MS = 10;

/** Reads that wait, by whose they are. */
class Lines {
  /** In the order of turns: the first one is the next. */
  readonly #byWho = new Map<string | number, (() => void)[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(who: string | number, begin: () => void): void {
    const line = this.#byWho.get(who);
    if (line) line.push(begin);
    else this.#byWho.set(who, [begin]);
    this.#size += 1;
  }

  /** Takes out the next one, where one waits. */
  next(): (() => void) | undefined {
    const [first] = this.#byWho;
    if (!first) return undefined;
    const [who, line] = first;
    const begin = line.shift();
    this.#size -= 1;
    this.#byWho.delete(who);
    // Their next one comes after everybody else's.
    if (line.length > 0) this.#byWho.set(who, line);
    return begin;
  }

  remove(who: string | number, begin: () => void): void {
    const line = this.#byWho.get(who);
    const at = line?.indexOf(begin) ?? -1;
    if (!line || at < 0) return;
    line.splice(at, 1);
    this.#size -= 1;
    if (line.length === 0) this.#byWho.delete(who);
  }
}

/**
 * Turns of heavy reads in the whole process. A database in this process answers within a turn of the loop, so whatever reads much holds up
 * everybody's sends. Here one heavy read runs at a time; those who wait have their turns by person, one read each; and between reads the loop
 * is free for as long as they took. One that is not over within its turn of the loop waits for a database over a network: the next one
 * begins meanwhile, so that their waits do not add up, and what the thread works until its end is paid for. `HeavyWork` before it bounds what
 * one of them has under way. Where nobody is signed in a turn is an address's; all of these together have every second turn at most, since a
 * stranger may have thousands of addresses. A server key counts as a person.
 *
 * Called for each heavy read; where nothing waits and there is no rest, it costs two looks at the time.
 */
export class ReadTurns {
  readonly #people = new Lines();
  readonly #strangers = new Lines();
  readonly #waitMs: number;
  #isStrangersTurn = false;
  /** One has the turn. */
  #isRunning = false;
  /** Those that run or wait for the database. */
  #begun = 0;
  /** When all that was read so far has been paid for by rest. */
  #paidAtMs = 0;
  #isResting = false;

  /** @param limits.waitMs another wait, for tests */
  constructor({ waitMs = WAIT_MS }: { waitMs?: number } = {}) {
    this.#waitMs = waitMs;
  }

  get #waiting(): number {
    return this.#people.size + this.#strangers.size;
  }

  /**
   * @param who a person, by number, a server key (`turn-of-key.ts`), or an address
   * @throws ProblemError `overloaded` when `read` had no turn; otherwise as `read` does
   */
  async run<T>(who: string | number, read: () => Promise<T>): Promise<T> {
    if (this.#isRunning || this.#begun >= AT_ONCE || this.#waiting > 0 || this.#restMs() > 0) await this.#turn(who);
    else this.#begin();
    const startedAt = uptimeMs();
    const endTurn = once(() => {
      this.#isRunning = false;
      this.#pay(uptimeMs() - startedAt);
    });
    let workedBefore: number | undefined;
    let isOver = false;
    const end = once(() => {
      stop();
      endTurn();
      // Whatever the thread has done since the turn, by equal parts.
      if (isOver && workedBefore !== undefined) this.#pay((workedMs() - workedBefore) / this.#begun);
      this.#begun -= 1;
      this.#next();
    });
    const stop = after(READ_MS_MAX, end);
    void nextTurn().then(() => {
      if (isOver) return;
      workedBefore = workedMs();
      endTurn();
      this.#next();
    });
    try {
      return await read();
    } finally {
      isOver = true;
      end();
    }
  }

  #begin(): void {
    this.#isRunning = true;
    this.#begun += 1;
  }

  /** What has just taken so long is followed by its rest. */
  #pay(ms: number): void {
    this.#paidAtMs = Math.max(this.#paidAtMs, uptimeMs() - ms) + COST * Math.min(ms, READ_MS_MAX);
  }

  #restMs(): number {
    return this.#paidAtMs - uptimeMs() - BURST_MS;
  }

  #turn(who: string | number): Promise<void> {
    const lines = typeof who === "number" || isTurnOfKey(who) ? this.#people : this.#strangers;
    if (this.#waiting >= WAITING_MAX) throw overloaded();
    if (lines === this.#strangers && lines.size >= STRANGERS_WAITING_MAX) throw overloaded();
    return new Promise((resolve, reject) => {
      const begin = () => {
        stop();
        resolve();
      };
      const stop = after(this.#waitMs, () => {
        lines.remove(who, begin);
        reject(overloaded());
      });
      lines.add(who, begin);
      this.#next();
    });
  }

  /** Gives the next turn, in a later turn of the loop, when the rest is over. */
  #next(): void {
    if (this.#isRunning || this.#begun >= AT_ONCE || this.#isResting || this.#waiting === 0) return;
    this.#isResting = true;
    const restMs = this.#restMs();
    void (restMs > 0 ? delay(restMs) : nextTurn()).then(() => {
      this.#isResting = false;
      this.#give();
    });
  }

  #give(): void {
    if (this.#isRunning || this.#begun >= AT_ONCE) return;
    const [turn, other] = this.#isStrangersTurn ? [this.#strangers, this.#people] : [this.#people, this.#strangers];
    const lines = turn.size > 0 ? turn : other;
    const begin = lines.next();
    if (!begin) return;
    this.#isStrangersTurn = lines === this.#people;
    this.#begin();
    begin();
  }
}

function overloaded(): ProblemError {
  return new ProblemError("overloaded", "Too many lists and pages are being requested", { retryAfterMs: 2000 });
}
