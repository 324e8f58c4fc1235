import type { SeriesPoint, SeriesReader } from "./admin/series.ts";
import type { SupervisorLink } from "./processes/supervisor-link.ts";

/** The charts, which the supervisor measures. */
export function chartsOf(link: SupervisorLink): SeriesReader {
  return {
    read: async (name, range) => {
      const points = (await link.ask({ machine: { series: { name, ...range } } })) as SeriesPoint[];
      return { points, missingNodes: [] };
    },
  };
}

/** The metrics of all processes as one page. */
export function metricsPageOf(link: SupervisorLink): () => Promise<string> {
  return () => link.ask({ machine: { metrics: true } }) as Promise<string>;
}
