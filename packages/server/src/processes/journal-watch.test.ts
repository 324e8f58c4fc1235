import { afterEach, beforeEach, expect, test } from "bun:test";
import { statSync } from "node:fs";
import { HeldTimers } from "../../test/held-timers.ts";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { StillTime } from "../../test/still-time.ts";
import { onPostgres } from "../../test/test-database.ts";
import { until } from "../../test/webhook-receiver.ts";
import { openReader, type ReadDatabase } from "../db/open.ts";
import { single } from "../db/procedures.ts";
import { ReadGate } from "../db/read-gate.ts";
import { ofServer } from "../db/share.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { createLogger } from "../ops/logger.ts";
import { JournalWatch } from "./journal-watch.ts";
import type { WorkerLines } from "./worker-lines.ts";

/** How long reads may be held. */
const HOLD_MS = 200;
/** After a try that failed. */
const AGAIN_MS = 2000;

/** A process that always reads: whatever is written, it has a snapshot from before that, since each begins before the last one ends. */
class Reader {
  readonly gate = new ReadGate();
  readonly db: ReadDatabase;
  readonly #snapshots: { readonly end: () => void; readonly ended: Promise<void> }[] = [];
  /** Then it reads on, although others wait for the end of that, and answers nothing. */
  standsStill = false;

  constructor(file: string) {
    this.db = openReader({ file }, { gate: this.gate });
  }

  /** Begins one more snapshot, and ends the last but one. */
  async goOn(): Promise<void> {
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const ended = this.db.transaction().execute(async (trx) => {
      await trx.selectFrom("log").selectAll().execute();
      begun.resolve();
      await end.promise;
    });
    this.#snapshots.push({ end: end.resolve, ended });
    await Promise.race([begun.promise, ended]);
    if (this.#snapshots.length > 2) await this.#end(1);
  }

  /** As the supervisor sees it. */
  get line() {
    const ask = ({ holdReads }: { holdReads: number }) => {
      const held = this.gate.hold(holdReads);
      if (this.standsStill) return new Promise<never>(() => {});
      void this.endAll();
      return held;
    };
    return { isReady: true, ask, tell: () => this.gate.release() };
  }

  async endAll(): Promise<void> {
    await this.#end(this.#snapshots.length);
  }

  async stop(): Promise<void> {
    this.gate.release();
    await this.endAll();
    await this.db.destroy();
  }

  async #end(count: number): Promise<void> {
    for (const { end, ended } of this.#snapshots.splice(0, count)) {
      end();
      await ended;
    }
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
async function writeBesideReaders(work: (readers: readonly Reader[]) => () => Promise<unknown>): Promise<number> {
  const readers = [new Reader(scratch.file()), new Reader(scratch.file())];
  const between = work(readers);
  let largest = 0;
  try {
    for (let n = 0; n < 80; n++) {
      await scratch.writes.run(fill, undefined);
      for (const reader of readers) await reader.goOn();
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
    // Readers go on as soon as it is empty, and not because they have been held for long enough.
    using _timers = new HeldTimers(HOLD_MS);
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
  "PROC-10: a read that takes too long is not waited for, and is named once; the journal is emptied after its end",
  async () => {
    using time = new StillTime();
    using timers = new HeldTimers(HOLD_MS);
    const readers = [new Reader(scratch.file()), new Reader(scratch.file())] as const;
    readers[1].standsStill = true;
    const lines: string[] = [];
    const watch = watchOf(readers, lines);
    try {
      for (const reader of readers) await reader.goOn();
      for (let n = 0; n < 30; n++) await scratch.writes.run(fill, undefined);
      expect(walBytes()).toBeGreaterThan(MAX_BYTES);
      /** Looks while the read goes on, until reads have been held long enough. */
      const lookInVain = async () => {
        const looked = watch.look();
        await until("reads are held", () => timers.waiting.length > 0);
        timers.run();
        expect(await looked).toBe(false);
      };
      await lookInVain();
      // Others are not held up again at once.
      expect([await watch.look(), timers.waiting]).toEqual([false, []]);
      time.advance(AGAIN_MS);
      await lookInVain();
      expect(lines.length).toBe(1);
      expect(lines[0]).toContain("cannot be emptied, because a read takes too long");
      readers[1].standsStill = false;
      await readers[1].endAll();
      time.advance(AGAIN_MS);
      expect([await watch.look(), walBytes(), lines.length]).toEqual([true, 0, 1]);
    } finally {
      await Promise.all(readers.map((reader) => reader.stop()));
    }
  },
  30_000,
);
