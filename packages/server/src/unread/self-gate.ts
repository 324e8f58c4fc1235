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
  /** The place has moved since, and SELF has not reported it. */
  pending: boolean;
}

/**
 * Decides when a person's other devices are told what they have read: at once, then not for a second, then once for everything
 * that came meanwhile. It holds an entry only for each room read within the last second, so the rate of writes bounds it.
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
    this.#entries.set(key, { read, at: now, pending: false });
    return true;
  }

  /** Nothing was told after all, so the next SELF need not wait. */
  release({ uid, roomId }: Read): void {
    const key = `${uid} ${roomId}`;
    const entry = this.#entries.get(key);
    if (entry?.pending) entry.at = this.#clock.now() - GAP_MS;
    else this.#entries.delete(key);
  }

  /** A place moved that `admit` held back. */
  markPending(read: Read): void {
    const key = `${read.uid} ${read.roomId}`;
    const entry = this.#entries.get(key);
    if (entry) entry.pending = true;
    else this.#entries.set(key, { read, at: this.#clock.now() - GAP_MS, pending: true });
  }

  /** Tells what is due; with `everything`, before a stop, also what would still wait. */
  async flush({ everything = false } = {}): Promise<void> {
    const now = this.#clock.now();
    const due: Read[] = [];
    for (const [key, entry] of this.#entries) {
      if (!everything && isRecent(entry, now)) continue;
      if (entry.pending) due.push(entry.read);
      if (entry.pending && !everything) {
        entry.at = now;
        entry.pending = false;
      } else this.#entries.delete(key);
    }
    if (due.length > 0) await this.#tell(due);
  }

  /** Looks four times a second. `onError` gets what `tell` threw; the places themselves are stored by then. */
  start(onError: (error: unknown) => void): Stop {
    return every(LOOK_MS, () => void this.flush().catch(onError));
  }
}

/** A clock that was set back ends the wait. */
function isRecent(entry: Entry, now: number): boolean {
  return now - entry.at < GAP_MS && now >= entry.at;
}
