import type { SeriesReader } from "./admin/series.ts";
import type { NodeId } from "./bus/bus.ts";
import type { Config } from "./config/config.ts";
import type { ReadGate } from "./db/read-gate.ts";
import type { Clock } from "./lib/clock.ts";
import type { CountingTogether } from "./limits/rates.ts";
import type { Logger } from "./ops/logger.ts";
import type { SupervisorLink } from "./processes/supervisor-link.ts";
import type { Storage } from "./storage.ts";
import { chartsOf, metricsPageOf } from "./worker-machine.ts";
import { openWorkerStorage } from "./worker-storage.ts";

/** What a server has in place of its own where it is one of several processes. */
export interface OneOfSeveral {
  /** Its id, by which its supervisor knows it. */
  readonly node: NodeId;
  /** Undefined: this process writes to the database itself. */
  readonly openStorage: ((of: { config: Config; clock: Clock; logger: Logger }) => Promise<Storage>) | undefined;
  readonly ofContext: { readonly charts: SeriesReader; readonly together: CountingTogether };
  metricsPage(): Promise<string>;
}

export function oneOfSeveral(
  link: SupervisorLink,
  { together, gate, writes }: { together: CountingTogether; gate: ReadGate; writes: boolean },
): OneOfSeveral {
  return {
    node: link.place.self,
    openStorage: writes ? undefined : (of) => openWorkerStorage(link, { ...of, gate }),
    ofContext: { charts: chartsOf(link), together },
    metricsPage: metricsPageOf(link),
  };
}
