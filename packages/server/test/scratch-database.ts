import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { epochOf } from "../src/db/epoch.ts";
import { type DatabasePlace, type DataSettings, openReader, openWriter, type ReadDatabase } from "../src/db/open.ts";
import { type ProcedureTable, single } from "../src/db/procedures.ts";
import { ofServer } from "../src/db/share.ts";
import type { LoggedEvent, WriteTransaction } from "../src/db/transaction.ts";
import type { WriteRequest } from "../src/db/write-batch.ts";
import { type BatchReply, type BatchRunner, GroupWriter, type Writes } from "../src/db/writer.ts";
import { ManualClock } from "../src/lib/clock.ts";
import { procedures } from "../src/writes.ts";
import { endLater } from "./left-running.ts";
import { dropDatabase, newTables, openRaw, placeOf, type RawDatabase, type RawValue } from "./test-database.ts";

/** A real database in a temporary folder, for one test file or one test. */
export interface Scratch {
  /** The writer's clock; it stands still until a test moves it. */
  readonly clock: ManualClock;
  /** How long the writer's process has run; setting the clock does not change it. It stands still like the clock. */
  readonly uptime: ManualClock;
  readonly db: ReadDatabase;
  readonly writes: Writes;
  readonly epoch: string;
  /** For a test that opens the database again. */
  readonly place: DatabasePlace;
  /** For a test that starts a program beside it. */
  readonly data: DataSettings;
  /** The database's file; only for tests of SQLite, which are skipped elsewhere. */
  file(): string;
  /** For what no client can do; see `RawDatabase.rows`. */
  raw<R = Record<string, unknown>>(text: string, ...values: RawValue[]): Promise<R[]>;
  /** Everything committed through `writes`, ordered by position. */
  readonly events: LoggedEvent[];
  /** Opens as many connections as are kept, since that takes a timer and time. */
  connect(): Promise<void>;
  /** Calls `listener` with each further event, before the write's promise resolves, as the server does. */
  listen(listener: (event: LoggedEvent) => void): void;
  /** Closes the database and removes the folder. */
  close(): Promise<void>;
}

/** @param more further write procedures for the test, beside the server's */
export async function openScratch(more: ProcedureTable = {}, clock = new ManualClock()): Promise<Scratch> {
  const uptime = new ManualClock(0);
  const table = { ...procedures, nothing: single(nothing, ofServer()), ...more };
  const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
  const data = await newTables(dir);
  const place = placeOf(data);
  const db = openReader(place);
  let raw: Promise<RawDatabase> | undefined;
  const events: LoggedEvent[] = [];
  const listeners: ((event: LoggedEvent) => void)[] = [];
  const writes = new GroupWriter(
    crossing(openWriter(place, { table, clock, uptime: () => uptime.now() })),
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
    await (await raw)?.close();
    await dropDatabase(data);
    rmSync(dir, { recursive: true, force: true });
  };
  const ended = endLater(close);
  return {
    clock,
    uptime,
    db,
    writes,
    epoch: await epochOf(db),
    place,
    data,
    file: () => {
      if ("file" in place) return place.file;
      throw new Error("there is no file: this test is about SQLite, and is to be skipped");
    },
    raw: async (text, ...values) => {
      raw ??= openRaw(place);
      return (await raw).rows(text, ...values);
    },
    events,
    connect: async () => {
      await Promise.all([writes.run(nothing, null), ...Array.from({ length: READERS }, () => epochOf(db))]);
    },
    listen: (listener) => void listeners.push(listener),
    close,
  };
}

/** The most connections that readers of either database have. */
const READERS = 10;

async function nothing(_tx: WriteTransaction, _input: null): Promise<null> {
  return null;
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
