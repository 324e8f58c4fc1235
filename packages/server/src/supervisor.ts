/**
 * The process that owns the database where several processes serve: it writes for its workers, tells them of each batch, replaces those that
 * end, runs what runs once for an installation, and counts what is counted for the machine. It serves no connection itself.
 */

import { answerTotals, samplerOfAll } from "./admin/all-nodes.ts";
import { answerNodes } from "./admin/node-here.ts";
import { newNodeId } from "./bus/bus.ts";
import { type Cluster, clusterOf } from "./cluster.ts";
import type { Config } from "./config/config.ts";
import { type Context, createContext } from "./context.ts";
import { placeOf } from "./db/open.ts";
import type { ProcedureTable } from "./db/procedures.ts";
import { ReadGate } from "./db/read-gate.ts";
import { lockDataDir } from "./db/sqlite/lock.ts";
import { StorageFault, unlessPassing } from "./db/storage-fault.ts";
import type { Procedure } from "./db/transaction.ts";
import { tryWriting } from "./db/try-writing.ts";
import { hasAccounts } from "./identity/users.ts";
import { JobsWhenOldest } from "./jobs-when-oldest.ts";
import { type Clock, systemClock } from "./lib/clock.ts";
import { every, type Stop } from "./lib/interval.ts";
import { undoAll } from "./lib/undo-all.ts";
import type { Rates } from "./limits/rates.ts";
import { addressOf } from "./listener.ts";
import { NodeChannel } from "./nodes/channel.ts";
import { Health } from "./ops/health.ts";
import { flushed, type Logger } from "./ops/logger.ts";
import { Metrics } from "./ops/metrics.ts";
import { watchingPresence } from "./presence/watching-presence.ts";
import { JournalWatch } from "./processes/journal-watch.ts";
import { MachineMetrics } from "./processes/machine-metrics.ts";
import type { MachineQuestion, WorkerAsks, Written } from "./processes/messages.ts";
import { type SocketPlace, socketPlace } from "./processes/socket-path.ts";
import { WorkerLines } from "./processes/worker-lines.ts";
import { startWorker } from "./processes/worker-process.ts";
import { Workers } from "./processes/workers.ts";
import { clusterGauges, countersFor, installationGauges } from "./server-gauges.ts";
import { type SharedPorts, takePorts } from "./shared-ports.ts";
import { openStorage, type Storage } from "./storage.ts";
import { StorageWatch } from "./storage-watch.ts";
import { answerMachine, machineSampler } from "./supervisor-machine.ts";
import { createTelling } from "./telling.ts";
import { TOLD_EVERYWHERE } from "./told-everywhere.ts";
import { answerCount } from "./worker-rates.ts";
import { procedures } from "./writes.ts";

/** How often the log's end is looked at, for what commands write (`parley user`, `parley key`): it holds within a second. */
const FOLLOW_MS = 500;
/** Its own tail is read by nobody. */
const TAIL_BYTES = 1 << 20;

export class Supervisor {
  readonly #config: Config;
  readonly #logger: Logger;
  readonly #clock: Clock;
  readonly #health = new Health();
  readonly #metrics = new Metrics();
  /** Undo what was started; called last to first. */
  readonly #stops: (() => unknown)[] = [];
  #rates: Rates | undefined;
  #answerMachine: (question: MachineQuestion) => Promise<unknown> = () => Promise.reject(new Error("starting"));
  readonly #onOtherLog: ((why: string) => void) | undefined;
  /** On PostgreSQL this process and each worker is a node. */
  readonly #cluster: Cluster | undefined;
  #stopping: Promise<void> | undefined;
  #isHurried = false;

  /** @param parts.onOtherLog see `LogWatch` */
  constructor(config: Config, parts: { logger: Logger; clock?: Clock; onOtherLog?: (why: string) => void }) {
    const { logger, clock = systemClock } = parts;
    this.#onOtherLog = parts.onOtherLog;
    this.#config = config;
    this.#logger = logger;
    this.#clock = clock;
    if (config.data.databaseUrl !== undefined) this.#cluster = clusterOf(config, parts);
  }

  /**
   * Resolves when every worker answers requests.
   * @throws DataDirLocked, DataDirUnusable, MigrationRefused, ListenFailed, WorkerFailed
   */
  async start(): Promise<{ url: string; isNew: boolean }> {
    try {
      return await this.#start();
    } catch (error) {
      await this.stop({ atOnce: true });
      throw error;
    }
  }

  /** Has all workers drain together, and then closes the database. A second call waits for the first. */
  stop({ atOnce = false }: { atOnce?: boolean } = {}): Promise<void> {
    this.#isHurried ||= atOnce;
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #start(): Promise<{ url: string; isNew: boolean }> {
    const config = this.#config;
    let ports: SharedPorts | undefined;
    // With SQLite the storage holds the same lock. With PostgreSQL it is here for the socket: another supervisor would remove it.
    if (this.#cluster) this.#stops.push(lockDataDir(config.data.dir));
    const gate = new ReadGate();
    const onFollowFault = unlessPassing((error) => this.#logger.error({ err: error }, "upkeep failed"));
    const storage = await openStorage({
      gate,
      cluster: this.#cluster,
      config: { ...config, tailBytes: TAIL_BYTES },
      clock: this.#clock,
      logger: this.#logger,
      metrics: this.#metrics,
      onWriterDeath: (error) => this.#die(error, "the writer thread is gone, ending"),
      onOtherLog: this.#onOtherLog,
      beforeMaking: async () => {
        ports = await takePorts(config.listen);
        this.#stops.push(ports.release);
      },
    });
    if (!ports) throw new Error("the ports were not taken");
    this.#stops.push(() => storage.close());
    await this.#cluster?.join({ ...storage, look: () => storage.follow(), hasReaders: () => false });
    const { data } = config;
    this.#stops.push(await new StorageWatch({ storage, health: this.#health, logger: this.#logger, data }).start());
    const { lines, workers } = this.#createLines(storage, ports);
    const context = this.#createContext(storage, lines);
    this.#rates = context.rates;
    storage.listen((event) => context.logins.onEvent(event));
    // Where workers write themselves, each hears of the others' writes as any node does.
    if (!this.#cluster) storage.listen((event) => lines.onEvent(event));
    const of = { clock: this.#clock, logger: this.#logger, metrics: this.#metrics };
    const machine = { lines, metrics: new MachineMetrics(lines, this.#metrics), context };
    const jobs = new JobsWhenOldest({
      ...of,
      config,
      storage,
      context,
      webhooks: createTelling(storage, context, of).webhooks,
      sampler: this.#cluster ? samplerOfAll(context, this.#metrics) : machineSampler(machine),
      announced: this.#cluster?.lease ?? {
        get position() {
          return lines.lowestAnnounced(storage.announcer.position);
        },
      },
    });
    this.#stops.push(() => jobs.stop());
    await jobs.start(this.#cluster?.lease);
    this.#stops.push(every(FOLLOW_MS, () => void storage.follow().catch(onFollowFault)));
    const { presence } = context;
    this.#metrics.watch([
      ...installationGauges({ config, storage, health: this.#health, presence, retention: jobs }),
      ...clusterGauges(this.#cluster),
      { name: "parley_processes", help: "Processes that serve", read: () => workers.processes.length },
      {
        name: "parley_processes_replaced",
        help: "Processes that ended and were replaced",
        read: () => workers.replaced,
      },
    ]);
    this.#answerMachine = (question) => answerMachine(question, machine);
    this.#stops.push(this.#metrics.start());
    const { writes } = storage;
    const truncateJournal = () => writes.truncateJournal();
    const place = placeOf(config.data);
    if ("file" in place) {
      const watch = new JournalWatch({ lines, gate, path: place.file, truncateJournal, logger: this.#logger });
      this.#stops.push(watch.start());
    }
    await this.#startWorkers({ lines, workers });
    this.#health.set("ready");
    return { url: addressOf(config, ports.port), isNew: !(await hasAccounts(storage.db)) };
  }

  /** It is a node that serves nobody: it knows who is online on all of them. */
  #createContext(storage: Storage, lines: WorkerLines): Context {
    const place = this.#cluster?.place ?? lines.place;
    const onError = (error: unknown) =>
      this.#logger.error({ err: error }, "a message from a worker could not be handled");
    const channel = new NodeChannel(place, onError);
    const { presence, start } = watchingPresence({ channel, clock: this.#clock, onError });
    this.#stops.push(start(), channel.start());
    const context = createContext({
      channel,
      presence,
      onNodeError: onError,
      config: this.#config,
      db: storage.db,
      epoch: storage.epoch,
      writes: storage.writes,
      clock: this.#clock,
      starts: storage.starts,
      measures: this.#cluster && (() => this.#cluster?.lease.isOldest === true),
      ...countersFor(this.#metrics),
    });
    answerNodes(context);
    answerTotals(context, this.#metrics);
    return context;
  }

  #createLines(storage: Storage, ports: SharedPorts): { lines: WorkerLines; workers: Workers } {
    const logger = this.#logger;
    const node = newNodeId();
    const place = socketPlace(this.#config.data.dir);
    const workers: Workers = new Workers({
      count: this.#config.processes,
      logger,
      start: () => startWorker(place.path),
      mayBegin: () => canStore(storage),
    });
    const lines: WorkerLines = new WorkerLines({
      node,
      answer: (question) => this.#answer(question, { storage, lines }),
      isOurs: ({ pid }) => workers.has(pid),
      onHello: (line) => line.tell({ welcome: { port: ports.port, wsPort: ports.wsPort, workers: workers.count } }),
      onReady: ({ pid }) => workers.markReady(pid),
      // Without its socket it ends by itself; one that is too busy to notice is ended.
      onClosed: ({ pid, node }) => {
        workers.kill(pid);
        if (node) void this.#cluster?.lease.endOf(node);
      },
      onFrozen: ({ pid }) => {
        logger.error({ pid }, "a worker no longer answers and is ended");
        workers.kill(pid);
      },
    });
    const stopListening = listenAt(place, (path) => lines.listen(path));
    this.#stops.push(() => {
      lines.close();
      stopListening();
    });
    return { lines, workers };
  }

  async #startWorkers({ lines, workers }: { lines: WorkerLines; workers: Workers }): Promise<void> {
    this.#stops.push(async () => {
      if (!workers.areReady) workers.killAll();
      for (const line of lines.all) line.ask({ stop: this.#isHurried ? "at once" : "in order" }).catch(() => {});
      await workers.ended();
    });
    await workers.start();
  }

  async #answer(question: WorkerAsks, { storage, lines }: { storage: Storage; lines: WorkerLines }): Promise<unknown> {
    if ("write" in question) return this.#write(question, { storage, lines });
    if ("truncateJournal" in question) return storage.writes.truncateJournal();
    if ("machine" in question) return this.#answerMachine(question.machine);
    if (!this.#rates) throw new Error("the supervisor is starting");
    return answerCount(this.#rates, question.count);
  }

  async #write(
    { write, input, whenIdle }: Extract<WorkerAsks, { write: string }>,
    { storage, lines }: { storage: Storage; lines: WorkerLines },
  ): Promise<Written> {
    const { writes, announcer } = storage;
    const procedure = procedureOf(write);
    const value = await (whenIdle
      ? writes.runWhenIdle(procedureOf(write), input as never)
      : writes.run(procedureOf(write), input as never));
    if (TOLD_EVERYWHERE.has(procedure)) await lines.whenAnnouncedEverywhere(announcer.position);
    lines.tellEvents();
    return { value, upTo: announcer.position };
  }

  async #stop(): Promise<void> {
    this.#health.set("draining");
    await undoAll(this.#stops);
  }

  #die(error: Error, message: string): void {
    this.#logger.fatal({ err: error }, message);
    void flushed(this.#logger).then(() => process.exit(1));
  }
}

function procedureOf(name: string): Procedure {
  const entry = (procedures as ProcedureTable)[name];
  if (!entry) throw new Error(`the supervisor has no write procedure ${name}`);
  return entry.procedure;
}

/** Whether the database can be used. Without it a worker cannot begin. */
function canStore({ writes }: Storage): Promise<boolean> {
  return writes.run(tryWriting, undefined).then(
    () => true,
    (error: unknown) => !(error instanceof StorageFault),
  );
}

/** Makes the socket for this user alone from its first moment. @returns what removes it */
function listenAt({ path, remove }: SocketPlace, listen: (path: string) => void): Stop {
  const before = process.umask(0o177);
  try {
    listen(path);
  } finally {
    process.umask(before);
  }
  return remove;
}
