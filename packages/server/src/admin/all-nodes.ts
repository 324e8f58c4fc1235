/** What the charts show where there are several nodes: the oldest one measures all of them, and the others ask it. */
import { z } from "zod";
import type { NodeId } from "../bus/bus.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { AdminContext } from "./admin-context.ts";
import { type NodeNumbers, numbersHere } from "./node-here.ts";
import { Sampler } from "./sampler.ts";
import {
  type ReadSeries,
  SERIES_NAMES,
  type Series,
  type SeriesName,
  type SeriesPoint,
  type SeriesRange,
  type SeriesReader,
} from "./series.ts";

/** As it comes from another node. */
const Asked = z.object({ name: z.enum(SERIES_NAMES), from: z.number(), to: z.number(), stepMs: z.number().positive() });

type Totals = Awaited<ReturnType<Metrics["totals"]>>;
type Questions = AdminContext["questions"];

/** Reads the charts from the node that measures. */
export class ChartsOfAll implements SeriesReader {
  readonly #parts: { readonly series: Series; readonly questions: Questions; readonly measures: () => boolean };

  /** @param parts.measures whether this node is the one that does */
  constructor(parts: { series: Series; questions: Questions; measures: () => boolean }) {
    this.#parts = parts;
    const { series, questions, measures } = parts;
    questions.on("series", (asked) => {
      const { name, ...range } = Asked.parse(asked);
      return measures() ? series.read(name, range) : null;
    });
  }

  async read(name: SeriesName, range: SeriesRange): Promise<ReadSeries> {
    const { series, questions, measures } = this.#parts;
    if (measures()) return { points: series.read(name, range), missingNodes: [] };
    const { answers, silent } = await questions.ask<SeriesPoint[] | null>("series", { name, ...range });
    const points = answers.find((one) => one !== null);
    // Any of those that are silent may be the one that measures.
    return points ? { points, missingNodes: [] } : { points: [], missingNodes: silent };
  }
}

/** Sets what this node answers to the one that measures. */
export function answerTotals({ questions }: Pick<AdminContext, "questions">, metrics: Pick<Metrics, "totals">): void {
  questions.on("totals", () => metrics.totals());
}

/** What each node that is alive has answered last: one that is late once has not ended, and has not lost what it had counted. */
class LastAnswers<T> {
  readonly #questions: Questions;
  readonly #about: string;
  readonly #last = new Map<NodeId, T>();

  constructor(questions: Questions, about: string) {
    this.#questions = questions;
    this.#about = about;
  }

  async ask(): Promise<T[]> {
    const { byNode, silent } = await this.#questions.ask<T>(this.#about);
    for (const node of this.#last.keys()) if (!silent.includes(node)) this.#last.delete(node);
    for (const [node, answer] of byNode) this.#last.set(node, answer);
    return [...this.#last.values()];
  }
}

/** Measures all nodes together. */
export function samplerOfAll(
  context: Pick<AdminContext, "questions" | "presence" | "live">,
  metrics: Pick<Metrics, "totals">,
): Pick<Sampler, "sample"> {
  const { questions, presence } = context;
  const [allNumbers, allTotals] = [
    new LastAnswers<NodeNumbers>(questions, "numbers"),
    new LastAnswers<Totals>(questions, "totals"),
  ];
  return samplerOf(presence, async () => {
    const [numbers, totals, own] = await Promise.all([allNumbers.ask(), allTotals.ask(), metrics.totals()]);
    return { nodes: [numbersHere(context), ...numbers], totals: [own, ...totals] };
  });
}

/** Measures several processes together. */
export function samplerOf(
  presence: Pick<AdminContext["presence"], "count">,
  measure: () => Promise<{ nodes: readonly NodeNumbers[]; totals: readonly Totals[] }>,
): Pick<Sampler, "sample"> {
  let now: readonly NodeNumbers[] = [];
  const sum = (of: (one: NodeNumbers) => number) => now.reduce((all, one) => all + of(one), 0);
  return new Sampler({
    metrics: {
      totals: async () => {
        const { nodes, totals } = await measure();
        now = nodes;
        const total = (name: keyof Totals) => totals.reduce((all, one) => all + one[name], 0);
        return {
          requests: total("requests"),
          messages: total("messages"),
          events: total("events"),
          lagSeconds: total("lagSeconds"),
          lagCount: total("lagCount"),
        };
      },
    },
    presence,
    live: {
      counts: () => ({
        websocket: sum(({ connections }) => connections.websocket),
        sse: sum(({ connections }) => connections.sse),
        poll: sum(({ connections }) => connections.poll),
      }),
    },
    usage: () => ({
      residentBytes: sum(({ residentBytes }) => residentBytes),
      cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    }),
  });
}
