import { endOverdueBans } from "./bans/ban-actions.ts";
import { unlessPassing } from "./db/storage-fault.ts";
import { type JobsParts, startInstallationJobs } from "./installation-jobs.ts";
import { delay } from "./lib/interval.ts";
import { undoAll } from "./lib/undo-all.ts";
import type { Lease } from "./nodes/lease.ts";
import type { Metrics } from "./ops/metrics.ts";
import type { Retention } from "./retention/retention.ts";
import { countEvents } from "./server-gauges.ts";

const AGAIN_MS = 1000;

interface Parts extends Omit<JobsParts, "onStop"> {
  readonly metrics: Metrics;
}

/**
 * The installation's jobs in this process. They start with it if it is the only one; in a cluster they start when it has become the oldest node. They end only
 * with the process: a node that counts as dead may no longer write.
 */
export class JobsWhenOldest {
  readonly #parts: Parts;
  /** Undo what was begun; called last to first. */
  readonly #stops: (() => unknown)[] = [];
  readonly #stopped = new AbortController();
  #beginning: Promise<void> | undefined;
  #retention: Pick<Retention, "counted"> | undefined;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** How many events retention has counted; undefined while another node does. */
  get counted(): number | undefined {
    return this.#retention?.counted;
  }

  /** Resolves when they run, or when it is another node that runs them. @param lease undefined: there are no other nodes */
  async start(lease: Pick<Lease, "isOldest" | "onOldest"> | undefined): Promise<void> {
    if (!lease || lease.isOldest) return this.#begin();
    // The one that should may be dead, and nobody may know it yet.
    await endOverdueBans(this.#parts.context);
    lease.onOldest(() => {
      this.#beginning = this.#beginAtLast();
    });
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#beginning;
    await undoAll(this.#stops);
  }

  async #begin(): Promise<void> {
    try {
      this.#retention = await startInstallationJobs({
        ...this.#parts,
        onStop: (stop) => void this.#stops.push(stop),
      });
    } catch (error) {
      await undoAll(this.#stops).catch(() => {});
      throw error;
    }
    countEvents(this.#parts.storage, this.#parts.metrics);
  }

  /** The database may be away at that moment. */
  async #beginAtLast(): Promise<void> {
    const { logger } = this.#parts;
    const failed = unlessPassing((error) =>
      logger.error({ err: error }, "the jobs that run once for the installation could not start yet"),
    );
    const { signal } = this.#stopped;
    while (!signal.aborted && !this.#retention) {
      await this.#begin().catch(failed);
      if (!this.#retention) await delay(AGAIN_MS, signal);
    }
    if (this.#retention)
      logger.info("this node is now the oldest, and runs the jobs that run once for the installation");
  }
}
