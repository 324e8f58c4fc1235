import { afterEach, beforeEach, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { onPostgres } from "../../test/test-database.ts";
import { openReader, type ReadDatabase } from "../db/open.ts";
import { single } from "../db/procedures.ts";
import { ReadGate } from "../db/read-gate.ts";
import { ofServer } from "../db/share.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { createLogger } from "../ops/logger.ts";
import { JournalWatch } from "./journal-watch.ts";
import type { WorkerLines } from "./worker-lines.ts";

/** A process that always reads: each of its snapshots begins before the last one ends. */
class Reader {
  readonly gate = new ReadGate();
  readonly db: ReadDatabase;
  #goesOn = true;
  readonly #loops: Promise<void>[];

  constructor(file: string, ms: number) {
    this.db = openReader({ file }, { gate: this.gate });
    this.#loops = [0, ms / 2].map(async (lateMs) => {
      await Bun.sleep(lateMs);
      while (this.#goesOn) {
        await this.db.transaction().execute(async (trx) => {
          await trx.selectFrom("log").selectAll().execute();
          await Bun.sleep(ms);
        });
      }
    });
  }

  /** As the supervisor sees it. */
  get line() {
    return {
      isReady: true,
      ask: ({ holdReads }: { holdReads: number }) => this.gate.hold(holdReads),
      tell: () => this.gate.release(),
    };
  }

  async stop(): Promise<void> {
    this.#goesOn = false;
    this.gate.release();
    await Promise.all(this.#loops);
    await this.db.destroy();
  }
}

/** Writes 100 KB of events. */
async function fill(tx: WriteTransaction): Promise<void> {
  const data = JSON.stringify("x".repeat(1000));
  await append(
    tx,
    Array.from({ length: 100 }, () => ({ stream: "room:7", type: 4, data: () => data })),
  );
}

let scratch: Scratch;
beforeEach(async () => {
  scratch = await openScratch({ fill: single(fill, ofServer()) });
});
afterEach(() => scratch.close());

const walBytes = () => statSync(`${scratch.file()}-wal`).size;
const MAX_BYTES = 2 << 20;

/** Writes about 8 MB while two processes read all the time. @returns the largest size that the journal had */
async function writeBesideReaders(
  work: (readers: readonly Reader[]) => () => Promise<unknown>,
  ms = 30,
): Promise<number> {
  const readers = [new Reader(scratch.file(), ms), new Reader(scratch.file(), ms)];
  const between = work(readers);
  let largest = 0;
  try {
    for (let n = 0; n < 80; n++) {
      await scratch.writes.run(fill, undefined);
      await Bun.sleep(5);
      await between();
      largest = Math.max(largest, walBytes());
    }
  } finally {
    await Promise.all(readers.map((reader) => reader.stop()));
  }
  return largest;
}

function watchOf(readers: readonly Reader[], lines: string[] = []): JournalWatch {
  return new JournalWatch({
    lines: { all: readers.map(({ line }) => line) } as unknown as WorkerLines,
    gate: new ReadGate(),
    path: scratch.file(),
    truncateJournal: () => scratch.writes.truncateJournal(),
    logger: createLogger({ level: "info", sink: { write: (line) => void lines.push(line) } }),
    maxBytes: MAX_BYTES,
  });
}

test.skipIf(onPostgres)(
  "PROC-10: readers in every process that leave no moment between them let the journal grow, and the watch bounds it",
  async () => {
    const withoutWatch = await writeBesideReaders(() => async () => {});
    expect(withoutWatch).toBeGreaterThan(3 * MAX_BYTES);
    let emptied = 0;
    const withWatch = await writeBesideReaders((readers) => {
      const watch = watchOf(readers);
      return async () => {
        if (await watch.look()) emptied += 1;
      };
    });
    // That of the first half is still there at its beginning.
    expect(emptied).toBeGreaterThan(2);
    expect(walBytes()).toBeLessThan(MAX_BYTES + 500_000);
    expect(withWatch).toBeLessThan(withoutWatch + 500_000);
  },
  30_000,
);

test.skipIf(onPostgres)(
  "PROC-10: readers go on as soon as the journal is empty; a read that takes too long is not waited for, and is named once",
  async () => {
    const lines: string[] = [];
    let longestMs = 0;
    let looked = 0;
    await writeBesideReaders((readers) => {
      const watch = watchOf(readers, lines);
      return async () => {
        const began = performance.now();
        await watch.look();
        looked += 1;
        longestMs = Math.max(longestMs, performance.now() - began);
      };
    }, 1500);
    expect(looked).toBe(80);
    expect(longestMs).toBeGreaterThan(190);
    expect(longestMs).toBeLessThan(1000);
    expect(lines.length).toBe(1);
    expect(lines[0]).toContain("cannot be emptied, because a read takes too long");
  },
  30_000,
);
