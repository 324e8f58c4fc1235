import { uptimeMs } from "../lib/uptime.ts";
import type { Metrics } from "../ops/metrics.ts";
import type { Presence } from "../presence/presence.ts";
import type { LiveConnections } from "./live-connections.ts";
import type { Sample } from "./series.ts";

interface SamplerParts {
  readonly metrics: Pick<Metrics, "totals">;
  readonly presence: Pick<Presence, "count">;
  readonly live: Pick<LiveConnections, "counts">;
  /** What all processes of the machine take; without it this one's. */
  readonly usage?: () => { readonly residentBytes: number; readonly cpuSeconds: number };
  /** Milliseconds that never jump; the process's, but in tests. */
  readonly uptime?: () => number;
}

/** Measures what the series show. Counters that only rise are shown as their rate since the previous sample. */
export class Sampler {
  readonly #parts: SamplerParts;
  #before:
    | { readonly atMs: number; readonly totals: Awaited<ReturnType<Metrics["totals"]>>; readonly cpu: number }
    | undefined;

  constructor(parts: SamplerParts) {
    this.#parts = parts;
  }

  async sample(): Promise<Sample> {
    const { metrics, presence, live, uptime = uptimeMs, usage = ownUsage } = this.#parts;
    const totals = await metrics.totals();
    const atMs = uptime();
    const { cpuSeconds: cpu, residentBytes } = usage();
    const before = this.#before ?? {
      atMs: 0,
      totals: { requests: 0, messages: 0, events: 0, lagSeconds: 0, lagCount: 0 },
      cpu: 0,
    };
    this.#before = { atMs, totals, cpu };
    const seconds = Math.max(0.001, (atMs - before.atMs) / 1000);
    const rose = (name: "requests" | "messages" | "events") =>
      Math.max(0, totals[name] - before.totals[name]) / seconds;
    const lags = Math.max(1, totals.lagCount - before.totals.lagCount);
    const counts = live.counts();
    return {
      connections: counts.websocket + counts.sse + counts.poll,
      onlineNum: presence.count,
      requestsPerSecond: rose("requests"),
      messagesPerSecond: rose("messages"),
      eventsPerSecond: rose("events"),
      residentBytes,
      // A process that has ended takes what it counted with it.
      cpuCores: Math.max(0, cpu - before.cpu) / seconds,
      loopLagMs: (Math.max(0, totals.lagSeconds - before.totals.lagSeconds) * 1000) / lags,
    };
  }
}

function ownUsage() {
  return { residentBytes: process.memoryUsage.rss(), cpuSeconds: cpuSeconds() };
}

/** Of the whole process, user and system. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
