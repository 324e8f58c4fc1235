import { uptimeMs } from "../../lib/uptime.ts";
import type { PollReader } from "./poll-reader.ts";

/** Readers kept, and the streams they read in all: those unused for longest go first. */
const CAPACITY = { readers: 20_000, streams: 1_000_000 };
/** Who polls at all polls more often; a reader that nobody asks would still be told of each event. */
const KEEP_MS = 120_000;

interface KeptReader {
  readonly reader: PollReader;
  readonly weight: number;
  readonly sinceMs: number;
}

/** The readers of logins that poll, one each, between their polls. Bounded; what is dropped is built again from a cursor. */
export class PollReaderCache {
  /** Least recently used first. */
  readonly #readers = new Map<number, KeptReader>();
  readonly #capacity: { readonly readers: number; readonly streams: number };
  #weight = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** The login's reader if it stands exactly at this cursor. Taken out while it is used: a second poll has one of its own. */
  take(loginId: number, cursor: string): PollReader | undefined {
    const kept = this.#readers.get(loginId);
    if (kept?.reader.lastCursor !== cursor) return undefined;
    this.#remove(loginId, kept);
    return kept.reader;
  }

  /** In the place of the one that is there. */
  keep(loginId: number, reader: PollReader): void {
    this.forget(loginId);
    const { weight } = reader;
    this.#readers.set(loginId, { reader, weight, sinceMs: uptimeMs() });
    this.#weight += weight;
    const { readers, streams } = this.#capacity;
    while (this.#readers.size > readers || (this.#weight > streams && this.#readers.size > 1)) this.#dropOldest();
  }

  forget(loginId: number): void {
    const kept = this.#readers.get(loginId);
    if (!kept) return;
    this.#remove(loginId, kept);
    kept.reader.close();
  }

  /** @param nowMs of `uptimeMs` */
  dropUnused(nowMs: number): void {
    for (const kept of this.#readers.values()) {
      if (nowMs - kept.sinceMs < KEEP_MS) return;
      this.#dropOldest();
    }
  }

  clear(): void {
    for (const loginId of [...this.#readers.keys()]) this.forget(loginId);
  }

  #dropOldest(): void {
    this.forget(this.#readers.keys().next().value as number);
  }

  #remove(loginId: number, { weight }: KeptReader): void {
    this.#readers.delete(loginId);
    this.#weight -= weight;
  }
}
