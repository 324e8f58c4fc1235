import type { Clock } from "../lib/clock.ts";
import { every, type Stop } from "../lib/interval.ts";

/** How often each series gets a point. */
export const SAMPLE_MS = 10_000;
/** Points kept of each series: a day's. */
export const POINTS_KEPT = 8640;

export const SERIES_NAMES = [
  "connections",
  "onlineNum",
  "requestsPerSecond",
  "messagesPerSecond",
  "eventsPerSecond",
  "residentBytes",
  "cpuCores",
  "loopLagMs",
] as const;
export type SeriesName = (typeof SERIES_NAMES)[number];

export type Sample = Readonly<Record<SeriesName, number>>;

export interface SeriesPoint {
  /** Epoch milliseconds: the beginning of the step. */
  readonly at: number;
  /** The mean of what was measured within the step. */
  readonly value: number;
}

export interface SeriesRange {
  readonly from: number;
  readonly to: number;
  readonly stepMs: number;
}

/** What a reader gets of a series. */
export interface ReadSeries {
  readonly points: SeriesPoint[];
  /** Nodes that did not answer, if the one that measures is among them: then there are no points. */
  readonly missingNodes: readonly string[];
}

/** Reads the charts, in this process or in the one that measures. */
export interface SeriesReader {
  read(name: SeriesName, range: SeriesRange): Promise<ReadSeries>;
}

/** The charts, where this process measures. */
export function chartsHere(series: Series): SeriesReader {
  return { read: async (name, range) => ({ points: series.read(name, range), missingNodes: [] }) };
}

/**
 * What charts show: a ring of a day's points in the memory of this process, which a restart empties; longer times are for Prometheus. A
 * point has its time by the clock, so a clock that is set leaves a gap, or points that can only be found by their times.
 */
export class Series {
  readonly #clock: Clock;
  readonly #times = new Float64Array(POINTS_KEPT);
  readonly #values = new Map<SeriesName, Float64Array>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
    for (const name of SERIES_NAMES) this.#values.set(name, new Float64Array(POINTS_KEPT));
  }

  /** Adds a point of each series now and then. */
  start(sample: () => Promise<Sample>, onError: (error: unknown) => void): Stop {
    return every(SAMPLE_MS, () => {
      sample().then((values) => this.add(values), onError);
    });
  }

  add(sample: Sample): void {
    const index = this.#count % POINTS_KEPT;
    this.#count += 1;
    this.#times[index] = this.#clock.now();
    for (const [name, values] of this.#values) values[index] = sample[name];
  }

  /** The points of each step in which something was measured, by time. The caller bounds the number of steps. */
  read(name: SeriesName, { from, to, stepMs }: SeriesRange): SeriesPoint[] {
    const values = this.#values.get(name) as Float64Array;
    const steps = new Map<number, { sum: number; count: number }>();
    for (let index = 0; index < Math.min(this.#count, POINTS_KEPT); index++) {
      const at = this.#times[index] as number;
      if (at < from || at >= to) continue;
      const begin = from + Math.floor((at - from) / stepMs) * stepMs;
      const step = steps.get(begin) ?? { sum: 0, count: 0 };
      steps.set(begin, { sum: step.sum + (values[index] as number), count: step.count + 1 });
    }
    const points = [...steps].map(([at, { sum, count }]) => ({ at, value: sum / count }));
    return points.sort((a, b) => a.at - b.at);
  }
}
