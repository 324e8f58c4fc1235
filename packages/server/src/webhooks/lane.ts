import type { StoredEvent } from "../event-log/log-reader.ts";
import type { KeptLane } from "./webhook-writes.ts";

/**
 * One stream on its way to one address, in order. Most exist for a moment: they deliver what the follower has brought and end. A lane that
 * fails or takes long is kept: its place gets a row, it reads the log itself from there on, and the follower continues without it.
 */
export class Lane {
  readonly stream: string;
  /** What the follower has brought; a lane that is kept reads the rest itself. */
  readonly queue: StoredEvent[] = [];
  /** The first event that has not been delivered. */
  seq: number;
  pos: number;
  at: number;
  /** Failed tries of that event. */
  attempts: number;
  /** Since when nothing of this stream could be delivered. */
  failingSince: number | null;
  /** Why the last try failed. */
  reason = "";
  isKept: boolean;
  /** Its row is in the database, though it may be behind. */
  hasRow: boolean;
  isChanged = false;
  hasEnded = false;
  dueAt = 0;
  readonly #settled = Promise.withResolvers<void>();

  constructor(at: Pick<StoredEvent, "stream" | "seq" | "pos" | "at">, kept?: KeptLane) {
    this.stream = at.stream;
    this.seq = at.seq;
    this.pos = at.pos;
    this.at = at.at;
    this.attempts = kept?.attempts ?? 0;
    this.failingSince = kept?.failingSince ?? null;
    this.isKept = kept !== undefined;
    this.hasRow = this.isKept;
  }

  /** Resolves when it has ended, or is kept. */
  get settled(): Promise<void> {
    return this.#settled.promise;
  }

  settle(): void {
    this.#settled.resolve();
  }

  /** What comes first now. */
  moveTo({ seq, pos, at }: Pick<StoredEvent, "seq" | "pos" | "at">): void {
    if (seq !== this.seq) {
      this.attempts = 0;
      this.isChanged = true;
    }
    this.seq = seq;
    this.pos = pos;
    this.at = at;
  }

  /** An event was delivered, or given up: its successor is not known yet. */
  passed(event: StoredEvent): void {
    this.moveTo({ seq: event.seq + 1, pos: event.pos + 1, at: event.at });
  }

  get row(): KeptLane {
    const { stream, seq, pos, at, attempts, failingSince } = this;
    return { stream, seq, pos, at, attempts, failingSince };
  }
}
