import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epochOf } from "../src/db/epoch.ts";
import { openReader, openWriter, prepareDatabase, type ReadDatabase } from "../src/db/open.ts";
import type { ProcedureTable } from "../src/db/procedures.ts";
import type { LoggedEvent } from "../src/db/transaction.ts";
import type { WriteRequest } from "../src/db/write-batch.ts";
import { type BatchReply, type BatchRunner, GroupWriter, type Writes } from "../src/db/writer.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { procedures } from "../src/writes.ts";
import { endLater } from "./left-running.ts";

/** A real database in a temporary folder, for one test file or one test. */
export interface Scratch {
  /** The writer's clock; it stands still until a test moves it. */
  readonly clock: ManualClock;
  /** How long the writer's process has run; setting the clock does not change it. It stands still like the clock. */
  readonly uptime: ManualClock;
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly epoch: string;
  /** The database's file, for a test that opens it again. */
  readonly path: string;
  /** Everything committed through `writes`, ordered by position. */
  readonly events: LoggedEvent[];
  /** Calls `listener` with each further event, before the write's promise resolves, as the server does. */
  listen(listener: (event: LoggedEvent) => void): void;
  /** Closes the database and removes the folder. */
  close(): Promise<void>;
}

/** @param more further write procedures for the test, beside the server's */
export async function openScratch(more: ProcedureTable = {}, clock = new ManualClock()): Promise<Scratch> {
  const uptime = new ManualClock(0);
  const table = { ...procedures, ...more };
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const path = await prepareDatabase(dir, clock.now());
  const db = openReader(path);
  const events: LoggedEvent[] = [];
  const listeners: ((event: LoggedEvent) => void)[] = [];
  const writes = new GroupWriter(
    crossing(openWriter(path, { table, clock, uptime: () => uptime.now() })),
    table,
    (committed) => {
      for (const event of committed) {
        events.push(event);
        for (const listener of listeners) listener(event);
      }
    },
  );
  const close = async () => {
    ended();
    await writes.close();
    await db.destroy();
    rmSync(dir, { recursive: true, force: true });
  };
  const ended = endLater(close);
  return {
    clock,
    uptime,
    db,
    writes,
    epoch: await epochOf(db),
    path,
    events,
    listen: (listener) => void listeners.push(listener),
    close,
  };
}

/** Input and answers cross as text, as they do to the writer's thread: what JSON cannot express gets lost here too. */
function crossing(runner: BatchRunner): BatchRunner {
  return {
    run: async (requests) => {
      const reply = await runner.run(JSON.parse(JSON.stringify(requests)) as WriteRequest[]);
      return JSON.parse(JSON.stringify(reply)) as BatchReply;
    },
    truncateJournal: () => runner.truncateJournal(),
    close: () => runner.close(),
  };
}
