import type { LoginId } from "../../lib/login-id.ts";
import { uptimeMs } from "../../lib/uptime.ts";
import type { PollReader } from "./poll-reader.ts";

/** The most readers, and the most streams that they read in all; the reader that was unused for the longest time goes first. */
const CAPACITY = { readers: 20_000, streams: 1_000_000 };
/** A client that polls at all polls more often; a reader that no poll uses would still receive each event. */
const KEEP_MS = 120_000;

interface KeptReader {
  readonly reader: PollReader;
  readonly weight: number;
  readonly sinceMs: number;
}

/** Keeps one reader for each login between its polls. Bounded; a reader that was dropped is built again from a cursor. */
export class PollReaderCache {
  /** Least recently used first. */
  readonly #readers = new Map<LoginId, KeptReader>();
  readonly #capacity: { readonly readers: number; readonly streams: number };
  #weight = 0;

  constructor(capacity = CAPACITY) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#readers.size;
  }

  /** The login's reader, if it stands exactly at this cursor. It is taken out while it is used; a second poll gets its own reader. */
  take(loginId: LoginId, cursor: string): PollReader | undefined {
    const cached = this.#readers.get(loginId);
    if (cached?.reader.lastCursor !== cursor) return undefined;
    this.#remove(loginId, cached);
    return cached.reader;
  }

  /** Replaces the login's reader, if there is one. */
  put(loginId: LoginId, reader: PollReader): void {
    this.forget(loginId);
    const { weight } = reader;
    this.#readers.set(loginId, { reader, weight, sinceMs: uptimeMs() });
    this.#weight += weight;
    const { readers, streams } = this.#capacity;
    while (this.#readers.size > readers || (this.#weight > streams && this.#readers.size > 1)) this.#dropOldest();
  }

  forget(loginId: LoginId): void {
    const cached = this.#readers.get(loginId);
    if (!cached) return;
    this.#remove(loginId, cached);
    cached.reader.close();
  }

  /** @param nowMs of `uptimeMs` */
  dropUnused(nowMs: number): void {
    for (const cached of this.#readers.values()) {
      if (nowMs - cached.sinceMs < KEEP_MS) return;
      this.#dropOldest();
    }
  }

  clear(): void {
    for (const loginId of [...this.#readers.keys()]) this.forget(loginId);
  }

  #dropOldest(): void {
    this.forget(this.#readers.keys().next().value as number);
  }

  #remove(loginId: LoginId, { weight }: KeptReader): void {
    this.#readers.delete(loginId);
    this.#weight -= weight;
  }
}
