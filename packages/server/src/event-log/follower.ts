import { unlessPassing } from "../db/storage-fault.ts";
import type { LoggedEvent } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import type { Clock } from "../lib/clock.ts";
import { delay, every } from "../lib/interval.ts";
import type { Logger } from "../ops/logger.ts";
import type { Lag, Metrics } from "../ops/metrics.ts";
import { openFollower, saveFollower } from "./follower-writes.ts";
import type { LogReader, StoredEvent } from "./log-reader.ts";

/**
 * A named reader of the log inside the server, for reactions that must not be lost: they run after the commit, in a reader with its own
 * place in the database, and never in a listener, which would forget them in a crash.
 *
 * - At least once and in order: a batch is handled before the next one is read, and the place is written afterwards, at most once a
 *   second. After a crash, events that were handled since then are handled again.
 * - A batch that fails is tried again until it succeeds; nothing after it is handled before.
 * - It is woken by the announcement of events and reads only when there is something.
 * - Retention leaves unhandled events in the log for a day. Events that are gone after that are skipped, with a warning and a metric.
 *
 * Knows nothing of what an event means. Events come as the log holds them: a text has to be read from its message.
 */
export interface FollowerParts {
  /** The name under which its place is stored, also used in log lines and metrics. */
  readonly name: string;
  readonly reader: Pick<LogReader, "all">;
  /** How far this node has announced the log: it reads up to there. */
  readonly announcer: { readonly position: number };
  readonly writes: Writes;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<Metrics, "watchLag" | "followerSkipped" | "followerFailures">;
  /**
   * Called with one batch after another. Resolves when each event has been handled; may be called again with the same events. When it
   * rejects, the batch is tried again later. After an abort it is not called any more, so it may reject.
   */
  readonly handle: (batch: FollowedBatch, signal: AbortSignal) => Promise<void>;
}

export interface FollowedBatch {
  /** In the order of position; may be empty, if events have left the log. */
  readonly events: readonly StoredEvent[];
  /** Everything up to this position is in this batch or one before it. */
  readonly upTo: number;
}

/** Events that one read brings. */
const BATCH = 200;
/** The place is written this often: a crash repeats at most that much. */
const SAVE_MS = 1000;
const RETRY_FIRST_MS = 100;
const RETRY_MAX_MS = 30_000;
/** How long it keeps events in the log that it has not handled. */
const HELD_MS = 24 * 3_600_000;

export class Follower {
  readonly #parts: FollowerParts;
  readonly #stopped = new AbortController();
  /** Everything up to here has been handled. */
  #place = 0;
  #saved = 0;
  /** When the first event behind the place was logged; undefined: there is none, or it has not been read yet. */
  #waitingSince: number | undefined;
  /** The time of the newest event that was announced. */
  #newestAt = 0;
  #skipped = 0;
  #wake: () => void = () => {};
  #saving: Promise<void> | undefined;

  constructor(parts: FollowerParts) {
    this.#parts = parts;
  }

  get place(): number {
    return this.#place;
  }

  /** Begins at its place. @returns a function that ends it, and resolves when nothing of it runs any more and its place is written */
  async start(): Promise<() => Promise<void>> {
    const { name, writes, metrics } = this.#parts;
    this.#place = (await writes.run(openFollower, { name })).pos;
    this.#saved = this.#place;
    const unwatch = metrics.watchLag(name, () => this.lag());
    const stopSaving = every(SAVE_MS, () => void this.#save());
    const running = this.#run();
    return async () => {
      this.#stopped.abort();
      this.#wake();
      stopSaving();
      unwatch();
      await running;
      await this.#save();
    };
  }

  /** To be called for every announced event. */
  onEvent({ at }: Pick<LoggedEvent, "at">): void {
    this.#newestAt = at;
    this.#wake();
  }

  lag(): Lag {
    const { announcer, clock } = this.#parts;
    const ms = this.#waitingSince === undefined ? 0 : Math.max(0, clock.now() - this.#waitingSince);
    return { events: announcer.position - this.#place, seconds: ms / 1000 };
  }

  /**
   * Events after this position have to stay in the log. If they have waited for more than a day, this is the log's end. Age is counted as
   * for retention, so a clock that jumps ahead releases nothing.
   */
  get heldAfter(): number {
    const { clock, announcer } = this.#parts;
    const waitedMs = this.#waitingSince === undefined ? 0 : Math.min(clock.now(), this.#newestAt) - this.#waitingSince;
    return waitedMs < HELD_MS ? this.#place : announcer.position;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopped;
    let failures = 0;
    while (!signal.aborted) {
      try {
        if (!(await this.#step(signal))) await this.#woken();
        failures = 0;
      } catch (error) {
        if (signal.aborted) return;
        this.#parts.metrics.followerFailures.inc({ follower: this.#parts.name });
        this.#tell(error, "events could not be handled yet");
        await delay(Math.min(RETRY_FIRST_MS * 2 ** failures++, RETRY_MAX_MS), signal);
      }
    }
  }

  /** Handles the next batch. @returns false when there is none */
  async #step(signal: AbortSignal): Promise<boolean> {
    const { reader, announcer, handle } = this.#parts;
    const position = announcer.position;
    if (this.#place >= position) return false;
    const read = await reader.all(this.#place, BATCH);
    if (signal.aborted) return false;
    const events = read.filter(({ pos }) => pos <= position);
    // Positions have no gaps, so missing events have left the log.
    const upTo = events.length === BATCH ? (events.at(-1) as StoredEvent).pos : position;
    this.#waitingSince = events[0]?.at;
    await handle({ events, upTo }, signal);
    this.#skipped += upTo - this.#place - events.length;
    this.#place = upTo;
    this.#waitingSince = undefined;
    return true;
  }

  #woken(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    // An announcement, or the end, may have come before this line.
    if (this.#parts.announcer.position > this.#place || this.#stopped.signal.aborted) resolve();
    return promise;
  }

  /** Writes the place if it has moved. Never rejects: it is written again a second later. */
  async #save(): Promise<void> {
    this.#tellSkipped();
    await this.#saving;
    if (this.#saved === this.#place) return;
    this.#saving = this.#write(this.#place);
    await this.#saving;
  }

  async #write(pos: number): Promise<void> {
    const { name, writes } = this.#parts;
    try {
      await writes.run(saveFollower, { name, pos });
      this.#saved = pos;
    } catch (error) {
      this.#tell(error, "the place of a follower could not be written");
    }
  }

  #tell(error: unknown, what: string): void {
    const { logger, name } = this.#parts;
    unlessPassing(() => logger.error({ err: error, follower: name }, what))(error);
  }

  /** One line for all events that were found missing since the last one. */
  #tellSkipped(): void {
    const { name, logger, metrics } = this.#parts;
    if (this.#skipped === 0) return;
    const message = "events had left the log before they were handled; they are skipped";
    logger.warn({ follower: name, events: this.#skipped }, message);
    metrics.followerSkipped.inc({ follower: name }, this.#skipped);
    this.#skipped = 0;
  }
}
