import { after, type Stop, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";

/** A worker that ends earlier than this after its start has failed at once. */
const EARLY_MS = 10_000;
/** The first wait; each further one is twice as long, up to the longest. */
const BACKOFF_MS = 500;
const BACKOFF_MAX_MS = 8000;
/** A worker that is not ready after this time is not going to be. */
const START_MS = 30_000;

export interface WorkerProcess {
  readonly pid: number;
  /** Resolves when it has ended, with what to say of it. */
  readonly exited: Promise<string>;
  kill(): void;
}

export interface WorkersParts {
  readonly count: number;
  readonly logger: Logger;
  start(index: number): WorkerProcess;
  /** Whether a worker can begin. Asked before each one that takes another's place; does not reject. */
  mayBegin(): Promise<boolean>;
}

/** The workers did not start; what they said stands above this. */
export class WorkerFailed extends Error {
  override readonly name = "WorkerFailed";
}

interface Running {
  readonly index: number;
  readonly process: WorkerProcess;
  readonly startedAt: number;
  readonly ready: PromiseWithResolvers<void>;
  isReady: boolean;
}

/**
 * Keeps so many workers running: one that ends by itself is replaced, at once, or later where it does not live long. Once all of them were ready there is
 * no end to this: those that live keep their connections, whatever keeps others from beginning.
 */
export class Workers {
  readonly #parts: WorkersParts;
  readonly #running = new Map<number, Running>();
  readonly #backoffs = new Set<Stop>();
  #early = 0;
  #replaced = 0;
  /** Whether it was said that none can begin. */
  #isHeld = false;
  #isStopping = false;
  #isStarting = true;

  constructor(parts: WorkersParts) {
    this.#parts = parts;
  }

  /** How many were replaced since the start. */
  get replaced(): number {
    return this.#replaced;
  }

  get count(): number {
    return this.#parts.count;
  }

  /** Whether all of them were ready once. */
  get areReady(): boolean {
    return !this.#isStarting;
  }

  /** Their places, and the processes that have them. */
  get processes(): { readonly index: number; readonly pid: number }[] {
    return [...this.#running.values()].map(({ index, process }) => ({ index, pid: process.pid }));
  }

  has(pid: number): boolean {
    return this.#running.has(pid);
  }

  /** Resolves when all of them are ready. @throws WorkerFailed */
  async start(): Promise<void> {
    const all = Array.from({ length: this.#parts.count }, (_, index) => this.#begin(index));
    const late = `The workers were not ready after ${START_MS / 1000} s`;
    await withDeadline(Promise.all(all.map(({ ready }) => ready.promise)), START_MS, late).catch((error: Error) => {
      throw new WorkerFailed(error.message);
    });
    this.#isStarting = false;
  }

  markReady(pid: number): void {
    const running = this.#running.get(pid);
    if (!running) return;
    running.isReady = true;
    running.ready.resolve();
  }

  /** SIGKILL; another one takes its place. */
  kill(pid: number): void {
    this.#running.get(pid)?.process.kill();
  }

  /**
   * Replaces none from now on, and kills those that do not serve yet: they may not even hear that they are to stop. The others are told by the
   * caller. @returns when all have ended
   */
  async ended(): Promise<void> {
    this.#isStopping = true;
    for (const stop of this.#backoffs) stop();
    for (const { process, isReady } of this.#running.values()) if (!isReady) process.kill();
    await Promise.all([...this.#running.values()].map(({ process }) => process.exited));
  }

  killAll(): void {
    this.#isStopping = true;
    for (const stop of this.#backoffs) stop();
    for (const { process } of this.#running.values()) process.kill();
  }

  #begin(index: number): Running {
    const process = this.#parts.start(index);
    const ready = Promise.withResolvers<void>();
    ready.promise.catch(() => {});
    const running = { index, process, startedAt: uptimeMs(), ready, isReady: false };
    this.#running.set(process.pid, running);
    void process.exited.then((how) => this.#ended(running, how));
    return running;
  }

  #ended(running: Running, how: string): void {
    const { index, process, startedAt, ready } = running;
    const { pid } = process;
    const { logger } = this.#parts;
    this.#running.delete(pid);
    ready.reject(new WorkerFailed(`Worker ${index + 1} ended before it was ready: ${how}`));
    if (this.#isStopping || this.#isStarting) return;
    this.#early = uptimeMs() - startedAt < EARLY_MS ? this.#early + 1 : 0;
    const inMs = this.#early === 0 ? 0 : Math.min(BACKOFF_MS * 2 ** (this.#early - 1), BACKOFF_MAX_MS);
    logger.error({ worker: index + 1, pid, how, inMs }, "a worker ended, and another one takes its place");
    this.#replace(index, inMs);
  }

  #replace(index: number, inMs: number): void {
    const stop = after(inMs, () => {
      this.#backoffs.delete(stop);
      void this.#replaceNow(index, inMs);
    });
    this.#backoffs.add(stop);
  }

  /** @param waitedMs how long it was waited before */
  async #replaceNow(index: number, waitedMs: number): Promise<void> {
    const mayBegin = await this.#parts.mayBegin();
    if (this.#isStopping) return;
    if (mayBegin) {
      this.#isHeld = false;
      this.#replaced += 1;
      this.#begin(index);
      return;
    }
    if (!this.#isHeld) this.#parts.logger.error("no worker can start until the database can be used");
    this.#isHeld = true;
    this.#replace(index, Math.min(Math.max(waitedMs * 2, BACKOFF_MS), BACKOFF_MAX_MS));
  }
}
