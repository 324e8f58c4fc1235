import { withDeadline } from "../lib/interval.ts";
import { type MetricsReport, mergedCounters, mergedText, totalIn } from "../ops/merged-metrics.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { SupervisorAsks } from "./messages.ts";
import type { WorkerLine } from "./worker-line.ts";
import type { WorkerLines } from "./worker-lines.ts";

/** How long one answer for the machine waits for all of its processes. */
const ASK_MS = 1000;

/** Asks every worker that is ready the same. Never rejects; those that do not answer in time have no answer. */
export async function askAll<T>(lines: WorkerLines, question: SupervisorAsks): Promise<Map<WorkerLine, T | undefined>> {
  const asked = lines.all.filter(({ isReady }) => isReady);
  const answers = await Promise.allSettled(
    asked.map((line) => withDeadline(line.ask(question), ASK_MS, "no answer in time")),
  );
  return new Map(
    asked.map((line, index) => {
      const answer = answers[index];
      return [line, answer?.status === "fulfilled" ? (answer.value as T) : undefined];
    }),
  );
}

/** Those that did not answer, for people. */
export function missingIn(answers: ReadonlyMap<WorkerLine, unknown>): string[] {
  return [...answers].flatMap(([{ pid }, answer]) => (answer === undefined ? [`pid ${pid}`] : []));
}

/** The metrics of all processes as one page, which counts on when a worker is replaced. */
export class MachineMetrics {
  readonly #lines: WorkerLines;
  readonly #own: Metrics;
  /** What each worker said last. */
  readonly #latest = new Map<WorkerLine, MetricsReport>();
  /** What those that are gone had counted. */
  #gone: MetricsReport = [];

  constructor(lines: WorkerLines, own: Metrics) {
    this.#lines = lines;
    this.#own = own;
  }

  async text(): Promise<string> {
    const { reports, missing } = await this.#read();
    const page = await mergedText(reports);
    return page + missing.map((name) => `# a process did not answer: ${name}\n`).join("");
  }

  /** What the charts show the rise of. */
  async totals(): Promise<Awaited<ReturnType<Metrics["totals"]>>> {
    const { reports } = await this.#read();
    return {
      requests: totalIn(reports, "parley_http_requests_total"),
      messages: totalIn(reports, "parley_messages_total"),
      events: totalIn(reports, "parley_events_appended_total"),
      lagSeconds: totalIn(reports, "parley_event_loop_lag_seconds", "_sum"),
      lagCount: totalIn(reports, "parley_event_loop_lag_seconds", "_count"),
    };
  }

  /** A worker has ended: what it has counted stays in the sums. */
  async ended(line: WorkerLine): Promise<void> {
    const last = this.#latest.get(line);
    this.#latest.delete(line);
    if (last) this.#gone = await mergedCounters([this.#gone, last]);
  }

  async #read(): Promise<{ reports: MetricsReport[]; missing: readonly string[] }> {
    const answers = await askAll<MetricsReport>(this.#lines, { metrics: true });
    for (const [line, report] of answers) if (report) this.#latest.set(line, report);
    const present = new Set(this.#lines.all);
    for (const line of [...this.#latest.keys()]) if (!present.has(line)) await this.ended(line);
    return { reports: [await this.#own.report(), ...this.#latest.values(), this.#gone], missing: missingIn(answers) };
  }
}
