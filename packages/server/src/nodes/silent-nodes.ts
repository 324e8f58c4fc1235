import type { NodeId } from "../bus/bus.ts";
import type { LeaseRow } from "../db/postgres/lease-rows.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { Logger } from "../ops/logger.ts";

interface SilentNodesParts {
  readonly self: NodeId;
  /** The number of the newest frame that the bus has brought from a node; undefined: there was none. */
  readonly newestOf: (node: NodeId) => number | undefined;
  readonly logger: Logger;
  /** Called each time `any` has changed. */
  readonly onChange: () => void;
  /** Milliseconds that the process has run; another one for tests. */
  readonly uptime?: () => number;
}

/** A node sends something every 2 s at the latest, so what is missing for so long does not come any more. */
const SILENT_MS = 10_000;
/** So often it must have renewed its lease meanwhile: a node that has died or stands still is silent too, and so is everybody to a process that was frozen. */
const RENEWALS = 3;

interface Heard {
  newest: number | undefined;
  renewedAt: number;
  /** When the leases were looked at last and something had come from it. */
  ms: number;
  /** Its renewals that were seen since then. */
  renewals: number;
  isSilent: boolean;
}

/**
 * Finds nodes that are alive, and say that the bus works, while nothing comes from them by it. They are connected to another service, or to one that has
 * become a replica: what a node sends comes back to it there, so it notices nothing itself. Or they have no `REDIS_URL`.
 */
export class SilentNodes {
  readonly #parts: SilentNodesParts;
  readonly #heard = new Map<NodeId, Heard>();
  #any = false;

  constructor(parts: SilentNodesParts) {
    this.#parts = parts;
  }

  get any(): boolean {
    return this.#any;
  }

  /** To be called at each look at the leases, with all of them. */
  see(rows: readonly LeaseRow[]): void {
    const others = rows.filter(({ node }) => node !== this.#parts.self);
    for (const row of others) this.#seeOne(row);
    const alive = new Set(others.map(({ node }) => node));
    for (const node of this.#heard.keys()) if (!alive.has(node)) this.#heard.delete(node);
    const any = [...this.#heard.values()].some(({ isSilent }) => isSilent);
    if (any === this.#any) return;
    this.#any = any;
    this.#parts.onChange();
  }

  #seeOne({ node, renewedAt, hearsBus }: LeaseRow): void {
    const { newestOf, logger, uptime = uptimeMs } = this.#parts;
    const newest = newestOf(node);
    const known = this.#heard.get(node);
    const begins = { newest, renewedAt, ms: uptime(), renewals: 0, isSilent: false };
    if (!known || newest !== known.newest) {
      if (known?.isSilent) logger.info({ silent: node }, "another node is heard by the bus again");
      this.#heard.set(node, begins);
      return;
    }
    if (renewedAt === known.renewedAt || known.isSilent) return;
    // It knows itself that it is cut off.
    if (hearsBus === 0) return void this.#heard.set(node, begins);
    known.renewedAt = renewedAt;
    known.renewals += 1;
    if (known.renewals < RENEWALS || begins.ms - known.ms < SILENT_MS) return;
    known.isSilent = true;
    logger.warn(
      { silent: node },
      "another node is alive, but nothing comes from it by the bus: notifications stand in",
    );
  }
}
