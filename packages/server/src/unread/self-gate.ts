import type { Clock } from "../lib/clock.ts";
import { every, type Stop } from "../lib/interval.ts";

/** One SELF per user and room in this time. */
const GAP_MS = 1000;
const LOOK_MS = 250;

export interface Read {
  readonly uid: number;
  readonly roomId: number;
}

interface Entry {
  readonly read: Read;
  /** Epoch milliseconds of the last SELF. */
  at: number;
  /** Places moved since that nobody was told of. */
  owed: boolean;
}

/**
 * Decides when a person's other devices are told what he has read: at once, then not for a second, then what came
 * meanwhile in one. Holds an entry for each room read in the last second only, so it is bounded by the rate of writes.
 */
export class SelfGate {
  readonly #clock: Clock;
  readonly #tell: (reads: readonly Read[]) => Promise<void>;
  readonly #entries = new Map<string, Entry>();

  /** `tell` logs the places of these users and rooms as they are when it runs. */
  constructor(clock: Clock, tell: (reads: readonly Read[]) => Promise<void>) {
    this.#clock = clock;
    this.#tell = tell;
  }

  /** True: tell now. False: it will be told within a second or so. Called for each place that may move. */
  admit(read: Read): boolean {
    const key = `${read.uid} ${read.roomId}`;
    const now = this.#clock.now();
    const entry = this.#entries.get(key);
    if (entry && isRecent(entry, now)) return false;
    this.#entries.set(key, { read, at: now, owed: false });
    return true;
  }

  /** Nothing was told after all: the next one need not wait. */
  release({ uid, roomId }: Read): void {
    const key = `${uid} ${roomId}`;
    const entry = this.#entries.get(key);
    if (entry?.owed) entry.at = this.#clock.now() - GAP_MS;
    else this.#entries.delete(key);
  }

  /** A place moved that `admit` held back. */
  owe(read: Read): void {
    const key = `${read.uid} ${read.roomId}`;
    const entry = this.#entries.get(key);
    if (entry) entry.owed = true;
    else this.#entries.set(key, { read, at: this.#clock.now() - GAP_MS, owed: true });
  }

  /** Tells what is due; `everything`: also what would wait, as before a stop. */
  async flush({ everything = false } = {}): Promise<void> {
    const now = this.#clock.now();
    const due: Read[] = [];
    for (const [key, entry] of this.#entries) {
      if (!everything && isRecent(entry, now)) continue;
      if (entry.owed) due.push(entry.read);
      if (entry.owed && !everything) {
        entry.at = now;
        entry.owed = false;
      } else this.#entries.delete(key);
    }
    if (due.length > 0) await this.#tell(due);
  }

  /** Looks four times a second. `onError` gets what `tell` threw; the places themselves are stored already. */
  start(onError: (error: unknown) => void): Stop {
    return every(LOOK_MS, () => void this.flush().catch(onError));
  }
}

/** A clock that was set back ends the wait. */
function isRecent(entry: Entry, now: number): boolean {
  return now - entry.at < GAP_MS && now >= entry.at;
}
