import { entriesIn, type NamedEntry, type ProcedureTable } from "../db/procedures.ts";
import { StorageFault } from "../db/storage-fault.ts";
import type { InputOf, Procedure, ResultOf } from "../db/transaction.ts";
import type { Writes } from "../db/writer.ts";
import type { Announcer } from "../event-log/announce.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";
import type { Written } from "./messages.ts";
import type { SupervisorLink } from "./supervisor-link.ts";

/**
 * A worker's writes: each goes to the supervisor by its name, where it waits in the one queue of all workers, so turns go by person
 * whichever worker somebody uses. A promise resolves when the events have been announced in this process too.
 */
export class WorkerWrites implements Writes {
  readonly #link: Pick<SupervisorLink, "ask" | "waiting">;
  readonly #entries: ReadonlyMap<Procedure, NamedEntry>;
  readonly #announcer: Pick<Announcer, "position" | "announceUpTo">;
  readonly #running = new Set<Promise<unknown>>();
  /** Told of each write that failed because the database cannot be used. */
  onFault: (fault: string) => void = () => {};
  #closed = false;

  constructor(
    link: Pick<SupervisorLink, "ask" | "waiting">,
    table: ProcedureTable,
    announcer: Pick<Announcer, "position" | "announceUpTo">,
  ) {
    this.#link = link;
    this.#entries = entriesIn(table);
    this.#announcer = announcer;
  }

  run<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>> {
    return this.#ask(procedure, input);
  }

  runWhenIdle<P extends Procedure>(procedure: P, input: InputOf<P>): Promise<ResultOf<P>> {
    return this.#ask(procedure, input, { whenIdle: true });
  }

  async truncateJournal(): Promise<boolean> {
    return (await this.#link.ask({ truncateJournal: true })) === true;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.allSettled([...this.#running]);
  }

  #ask<P extends Procedure>(procedure: P, input: InputOf<P>, how: { whenIdle?: true } = {}): Promise<ResultOf<P>> {
    const entry = this.#entries.get(procedure);
    if (!entry) throw new Error(`${procedure.name} is not in the table of write procedures`);
    if (this.#closed) return Promise.reject(new ProblemError("draining", undefined, { retryAfterMs: 5000 }));
    // The supervisor's queue says no by rows; this bounds what waits for its answer.
    if (this.#link.waiting >= CAPS.workerWrites.count)
      return Promise.reject(new ProblemError("overloaded", "Too many writes are waiting", { retryAfterMs: 1000 }));
    const running = this.#written({ write: entry.name, input, ...how });
    this.#running.add(running);
    void running.catch(() => {}).finally(() => this.#running.delete(running));
    return running as Promise<ResultOf<P>>;
  }

  async #written(question: { write: string; input: unknown; whenIdle?: true }): Promise<unknown> {
    try {
      const { value, upTo } = (await this.#link.ask(question)) as Written;
      // Its events came first on the same socket; this waits only where events before them are still being read from the log.
      if (upTo > this.#announcer.position) await this.#announcer.announceUpTo(upTo).catch(() => {});
      return value;
    } catch (error) {
      if (error instanceof StorageFault) this.onFault(error.fault);
      throw error;
    }
  }
}
