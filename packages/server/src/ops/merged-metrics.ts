import { AggregatorRegistry, type Registry } from "prom-client";

/** All numbers of one process at one moment, as they cross a socket. */
export type MetricsReport = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>;

/** Names whose numbers of several processes are not added. */
const NOT_ADDED: Readonly<Record<string, "first" | "min" | "max">> = {
  parley_build_info: "first",
  process_start_time_seconds: "min",
  parley_uptime_seconds: "max",
  parley_people_online: "max",
  parley_nodes: "max",
  parley_bus_works: "min",
};

/** The page of several processes: counters, histograms and gauges are added, each by its labels. */
export function mergedText(reports: readonly MetricsReport[]): Promise<string> {
  return merged(reports).metrics();
}

/** Only what rises: what remains of a process that has ended, since a counter that falls looks like one that began anew. */
export async function mergedCounters(reports: readonly MetricsReport[]): Promise<MetricsReport> {
  const rising = reports.map((report) => report.filter(({ type }) => isRising(String(type))));
  return merged(rising).getMetricsAsJSON();
}

/** The sum over all labels; of a histogram, that of one of its parts (`_sum`, `_count`). */
export function totalIn(reports: readonly MetricsReport[], name: string, part = ""): number {
  let total = 0;
  for (const report of reports) {
    const values = report.find((metric) => metric.name === name)?.values ?? [];
    for (const one of values) {
      // Only those of histograms have a name of their own.
      const metricName = "metricName" in one ? one.metricName : name;
      if (metricName === `${name}${part}`) total += one.value;
    }
  }
  return total;
}

function merged(reports: readonly MetricsReport[]): Registry {
  const named = reports.map((report) =>
    report.map((metric) => ({ ...metric, aggregator: NOT_ADDED[metric.name] ?? "sum" })),
  );
  return AggregatorRegistry.aggregate(named) as Registry;
}

/** The kinds as the library names them. */
function isRising(type: string): boolean {
  return type === "counter" || type === "histogram";
}
