import type { Cluster } from "./cluster.ts";
import type { Config } from "./config/config.ts";
import { passingFault } from "./db/faults.ts";
import { MeasuredRunner } from "./db/measured-runner.ts";
import { newerSteps } from "./db/migrate.ts";
import { claimDatabase, type DatabasePlace, explainedFault, openReader, prepareDatabase } from "./db/open.ts";
import type { ProcedureTable } from "./db/procedures.ts";
import type { ReadGate } from "./db/read-gate.ts";
import { ThreadedRunner } from "./db/threaded-runner.ts";
import type { LoggedEvent, Procedure } from "./db/transaction.ts";
import { type BatchRunner, GroupWriter, type Writes } from "./db/writer.ts";
import type { Clock } from "./lib/clock.ts";
import { LogWatch } from "./log-watch.ts";
import type { Logger } from "./ops/logger.ts";
import type { Metrics } from "./ops/metrics.ts";
import { openReadSide, type ReadSide } from "./read-side.ts";
import { TOLD_EVERYWHERE } from "./told-everywhere.ts";
import { procedures } from "./writes.ts";

/** The database and the log, open and joined: everything that features and gateway stand on. */
export interface Storage extends ReadSide {
  readonly writes: Writes;
  /** Writes that wait now. */
  waiting(): { requests: number; rows: number };
  /** Looks at the log's end and hands on what other processes wrote. */
  follow(): Promise<void>;
  /** Sets who is told, in words, each time a write or `follow` fails because the database cannot be used. */
  onFault(tell: (fault: string) => void): void;
  close(): Promise<void>;
}

export interface WriterOverrides {
  /** Another entry, which serves `table`: a test adds write procedures by it, to put a load on the log that no client can. */
  readonly entry?: URL;
  readonly table?: ProcedureTable;
  /** Runs the batches of several nodes on one database, which somebody else has opened; for tests of several nodes in one process. */
  readonly shared?: { readonly place: DatabasePlace; readonly runner: BatchRunner };
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
  /** Its part in a cluster; undefined: it is the only node. */
  cluster?: Cluster | undefined;
  /** The database has become another one: see `LogWatch`. */
  onOtherLog?: ((why: string) => void) | undefined;
  /** Looks at what else the start needs before a database is made; what it throws ends the start. */
  beforeMaking?: (() => Promise<void>) | undefined;
  /** May hold this process's reads back for a moment. */
  gate?: ReadGate;
  /** What a test puts in the place of the writer thread's own entry, table and clock. */
  writer?: WriterOverrides | undefined;
}): Promise<Storage> {
  const { config, clock, logger, cluster, onOtherLog = () => {} } = parts;
  const shared = parts.writer?.shared;
  const unlock = shared ? () => {} : await claimDatabase(config.data);
  try {
    await parts.beforeMaking?.();
    const { table = procedures } = parts.writer ?? {};
    const { place, runner } = shared ?? (await openWriter(parts));
    const ofOthers = cluster && { othersTell: () => cluster.othersTell, mayHandOn: () => cluster.mayHandOn() };
    const reader = openReader(place, { gate: parts.gate });
    const side = await openReadSide(reader, { config, clock, logger, ...ofOthers });
    const { db, announcer, epoch } = side;
    cluster?.lease.whenGone(() => announcer.end());
    const newer = await newerSteps(db);
    if (newer.length > 0)
      logger.warn({ newer }, "a newer version has updated the database; this version can still use it");
    const watch = new LogWatch({ db, epoch, announcer, onOtherLog });
    let tellFault = (_fault: string) => {};
    const told = telling(new MeasuredRunner(runner, parts.metrics), (fault) => tellFault(fault));
    // They are found in the log later, as what another process writes is.
    const late = (error: unknown) => logger.error({ err: error }, "committed events could not be announced yet");
    const onCommitted = (events: readonly LoggedEvent[]) => {
      cluster?.tell(events);
      return announcer.announce(events)?.catch(late);
    };
    // Its own announcement may have failed, and a write that was repeated logs nothing.
    const beforeAnswer = (procedure: Procedure, upTo: number) =>
      cluster && TOLD_EVERYWHERE.has(procedure)
        ? cluster.whenToldEverywhere(Math.max(upTo, announcer.position))
        : undefined;
    const writes = new GroupWriter(told, table, onCommitted, beforeAnswer);
    return {
      ...side,
      writes,
      waiting: () => writes.waiting,
      follow: async () => {
        try {
          await watch.look();
        } catch (error) {
          const fault = passingFault(error);
          if (fault === undefined) throw error;
          tellFault(fault);
        }
      },
      onFault: (tell) => {
        tellFault = tell;
      },
      close: async () => {
        await writes.close();
        await cluster?.leave();
        await db.destroy();
        await unlock();
      },
    };
  } catch (error) {
    await cluster?.leave();
    await unlock();
    throw explainedFault(config.data, error);
  }
}

/** The database of this process, and the thread that writes it. */
async function openWriter({ config, clock, writer, cluster, onWriterDeath }: Parameters<typeof openStorage>[0]) {
  const prepared = await prepareDatabase(config.data, clock.now());
  const place = cluster && "url" in prepared ? await cluster.begin(prepared) : prepared;
  const { entry = WRITER_THREAD, clock: writerClock } = writer ?? {};
  const runner = new ThreadedRunner({ entry, onDeath: onWriterDeath, clock: writerClock });
  await runner.open(place);
  return { place, runner };
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
