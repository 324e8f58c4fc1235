import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openReader, openWriter, prepareDatabase, type ReadDatabase } from "../src/db/open.ts";
import type { LoggedEvent } from "../src/db/transaction.ts";
import type { WriteRequest } from "../src/db/write-batch.ts";
import { type BatchReply, type BatchRunner, GroupWriter, type Writes } from "../src/db/writer.ts";
import { LogReader } from "../src/event-log/log-reader.ts";

/** A real database in a temporary folder, for one test file or one test. */
export interface Scratch {
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly epoch: string;
  /** The database's file, for a test that opens it again. */
  readonly path: string;
  /** Everything committed through `writes`, in the order of position. */
  readonly events: LoggedEvent[];
  /** Calls `listener` with each further event, before the write's promise resolves, as the server does. */
  listen(listener: (event: LoggedEvent) => void): void;
  /** Closes the database and removes the folder. */
  close(): Promise<void>;
}

/** @param now epoch milliseconds at which the database is made */
export async function openScratch(now = 1_700_000_000_000): Promise<Scratch> {
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const path = await prepareDatabase(dir, now);
  const db = openReader(path);
  const events: LoggedEvent[] = [];
  const listeners: ((event: LoggedEvent) => void)[] = [];
  const writes = new GroupWriter(crossing(openWriter(path)), (committed) => {
    for (const event of committed) {
      events.push(event);
      for (const listener of listeners) listener(event);
    }
  });
  return {
    db,
    writes,
    epoch: await new LogReader(db).epoch(),
    path,
    events,
    listen: (listener) => void listeners.push(listener),
    close: async () => {
      await writes.close();
      await db.destroy();
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** What it is given and answers crosses as text, as it does to the writer's thread: what JSON cannot say gets lost here too. */
function crossing(runner: BatchRunner): BatchRunner {
  return {
    run: async (requests) => {
      const reply = await runner.run(JSON.parse(JSON.stringify(requests)) as WriteRequest[]);
      return JSON.parse(JSON.stringify(reply)) as BatchReply;
    },
    close: () => runner.close(),
  };
}
