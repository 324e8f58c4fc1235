import { statSync } from "node:fs";
import type { ReadGate } from "../db/read-gate.ts";
import { every, type Stop, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";
import type { WorkerLines } from "./worker-lines.ts";

/** A journal that is larger is emptied, whoever reads. */
export const JOURNAL_BYTES = 64 * 1024 * 1024;
/** How long reads may be held for it. */
const HOLD_MS = 200;
const LOOK_MS = 500;
/** After a try that failed, since each one holds up everybody. */
const AGAIN_MS = 2000;

interface JournalWatchParts {
  readonly lines: WorkerLines;
  /** The supervisor's own reads. */
  readonly gate: ReadGate;
  /** Of the database. */
  readonly path: string;
  readonly truncateJournal: () => Promise<boolean>;
  readonly logger: Logger;
  readonly maxBytes?: number;
}

/**
 * Keeps the database's journal bounded. The writer copies it into the file as it goes, but can only begin it anew at a moment at which nobody
 * reads from it, and several processes that read leave none. So all of them hold their reads for a moment.
 */
export class JournalWatch {
  readonly #parts: JournalWatchParts;
  #isBusy = false;
  #notBefore = 0;
  #hasFailed = false;

  constructor(parts: JournalWatchParts) {
    this.#parts = parts;
  }

  start(): Stop {
    return every(LOOK_MS, () => {
      this.look().catch((error: unknown) =>
        this.#parts.logger.error({ err: error }, "the journal could not be emptied"),
      );
    });
  }

  /** Empties the journal if it is too large. @returns whether it had to be and was */
  async look(): Promise<boolean> {
    const { path, maxBytes = JOURNAL_BYTES, logger } = this.#parts;
    const bytes = statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0;
    if (bytes <= maxBytes || this.#isBusy || uptimeMs() < this.#notBefore) return false;
    this.#isBusy = true;
    try {
      const isEmpty = await this.#empty();
      if (isEmpty) this.#hasFailed = false;
      else {
        this.#notBefore = uptimeMs() + AGAIN_MS;
        if (!this.#hasFailed)
          logger.warn({ bytes }, "the database's journal cannot be emptied, because a read takes too long");
        this.#hasFailed = true;
      }
      return isEmpty;
    } finally {
      this.#isBusy = false;
    }
  }

  async #empty(): Promise<boolean> {
    const { lines, gate, truncateJournal } = this.#parts;
    const readers = lines.all.filter(({ isReady }) => isReady);
    const held = readers.map((line) => line.ask({ holdReads: HOLD_MS }));
    try {
      await withDeadline(Promise.all([gate.hold(HOLD_MS), ...held]), HOLD_MS, "reads went on").catch(() => {});
      return await truncateJournal();
    } finally {
      gate.release();
      for (const line of readers) line.tell({ resumeReads: true });
    }
  }
}
