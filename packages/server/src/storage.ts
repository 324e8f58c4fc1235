import type { Config } from "./config/config.ts";
import { epochOf } from "./db/epoch.ts";
import { lockDataDir } from "./db/lock.ts";
import { MeasuredRunner } from "./db/measured-runner.ts";
import { explainedFault, openReader, prepareDatabase, type ReadDatabase } from "./db/open.ts";
import type { ProcedureTable } from "./db/procedures.ts";
import { ThreadedRunner } from "./db/threaded-runner.ts";
import { type BatchRunner, GroupWriter, type Writes } from "./db/writer.ts";
import { Announcer, type EventDataOf, type Listener } from "./event-log/announce.ts";
import { LogReader } from "./event-log/log-reader.ts";
import type { OutboxParts } from "./event-log/outbox.ts";
import { Tail } from "./event-log/tail.ts";
import { eventDataOf as dataOf } from "./event-texts.ts";
import type { Clock } from "./lib/clock.ts";
import type { Logger } from "./ops/logger.ts";
import type { Metrics } from "./ops/metrics.ts";
import { ReaderStarts } from "./reader-starts.ts";
import { procedures } from "./writes.ts";

/** The database and the log, open and joined: everything that features and gateway stand on. */
export interface Storage {
  readonly db: ReadDatabase;
  readonly writes: Writes;
  /** Writes that wait now. */
  waiting(): { requests: number; rows: number };
  readonly epoch: string;
  readonly tail: Tail;
  readonly announcer: Announcer;
  readonly starts: ReaderStarts;
  /** What each reader's outbox is made of. */
  readonly outbox: OutboxParts;
  /** Adds a listener of events that are announced from now on; after the tail, in the order of adding. */
  listen(listener: Listener): void;
  /** Sets who is told, in words, each time a write fails because the database cannot be used. */
  onFault(tell: (fault: string) => void): void;
  close(): Promise<void>;
}

export interface WriterOverrides {
  /** Another entry, which serves `table`: a test adds write procedures by it, to put a load on the log that no client can. */
  readonly entry?: URL;
  readonly table?: ProcedureTable;
  /** What the writing thread takes for the time. */
  readonly clock?: Clock;
}

/** The writer thread's entry. */
const WRITER_THREAD = new URL("./writer-thread.ts", import.meta.url);

export async function openStorage(parts: {
  config: Config;
  clock: Clock;
  logger: Logger;
  metrics: Pick<Metrics, "commitSeconds" | "writeFailures">;
  /** The writer thread ended by itself: the process cannot go on. */
  onWriterDeath: (error: Error) => void;
  /** Looks at what else the start needs before a database is made; what it throws ends the start. */
  beforeMaking?: () => Promise<void>;
  /** What a test puts in the place of the writer thread's own entry, table and clock. */
  writer?: WriterOverrides | undefined;
}): Promise<Storage> {
  const { config, clock, logger } = parts;
  const unlock = lockDataDir(config.data.dir);
  try {
    await parts.beforeMaking?.();
    const path = await prepareDatabase(config.data.dir, clock.now());
    const { entry = WRITER_THREAD, table = procedures, clock: writerClock } = parts.writer ?? {};
    const runner = new ThreadedRunner({ entry, onDeath: parts.onWriterDeath, clock: writerClock });
    await runner.open(path);
    const db = openReader(path);
    const reader = new LogReader(db);
    const epoch = await epochOf(db);
    const position = await reader.end();
    const tail = new Tail(reader, { position, maxBytes: config.tailBytes });
    const eventDataOf: EventDataOf = (events) => dataOf({ db, clock }, events);
    const listeners: Listener[] = [(event) => tail.append(event)];
    const skipped = (upTo: number) => tail.skipTo(upTo);
    const announcer = new Announcer({ reader, eventDataOf, position, skipped }, (event) => {
      for (const listener of listeners) isolated(listener, event, logger);
    });
    let tellFault = (_fault: string) => {};
    const told = telling(new MeasuredRunner(runner, parts.metrics), (fault) => tellFault(fault));
    const writes = new GroupWriter(told, table, async (events) => {
      try {
        await announcer.announce(events);
      } catch (error) {
        // They are found in the log later, as what another process writes is.
        logger.error({ err: error }, "committed events could not be announced yet");
      }
    });
    const starts = new ReaderStarts({ db, epoch, clock, hall: config.hall });
    const outbox: OutboxParts = {
      tail,
      epoch,
      eventDataOf,
      whenAnnounced: (position) => announcer.whenAnnounced(position),
      readWindows: (reader) => starts.windowsOf(reader),
    };
    return {
      db,
      writes,
      waiting: () => writes.waiting,
      epoch,
      tail,
      announcer,
      starts,
      outbox,
      listen: (listener) => void listeners.push(listener),
      onFault: (tell) => {
        tellFault = tell;
      },
      close: async () => {
        await writes.close();
        await db.destroy();
        unlock();
      },
    };
  } catch (error) {
    unlock();
    throw explainedFault(config.data.dir, error);
  }
}

/** The same runner, which tells of each batch that failed because the database cannot be used. */
function telling(runner: BatchRunner, tell: (fault: string) => void): BatchRunner {
  return {
    run: async (requests) => {
      const reply = await runner.run(requests);
      if ("failed" in reply && "storageFault" in reply.failed) tell(reply.failed.storageFault);
      return reply;
    },
    truncateJournal: () => runner.truncateJournal(),
    close: () => runner.close(),
  };
}

/** One listener's fault must not keep the event from the others. */
function isolated(listener: Listener, event: Parameters<Listener>[0], logger: Logger): void {
  try {
    listener(event);
  } catch (error) {
    logger.error({ err: error, pos: event.pos, type: event.type }, "a listener of the log failed");
  }
}
