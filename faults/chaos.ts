import type { LinkFault } from "./link.ts";
import type { LinkFaultKind } from "./pipe.ts";
import type { Random } from "./random.ts";
import { TRANSPORTS, type TransportName } from "./wire-log.ts";

/** One thing that happens in a run. */
export type Incident =
  | { readonly kind: "link"; readonly client: number; readonly fault: LinkFault }
  | { readonly kind: "slow"; readonly client: number; readonly ms: number }
  | { readonly kind: "switch"; readonly client: number; readonly transports: readonly TransportName[] }
  | { readonly kind: "away"; readonly client: number; readonly ms: number }
  /** Its person leaves rooms and comes back, and the client is paused before the return, or even before the leaving. */
  | { readonly kind: "rejoin"; readonly client: number; readonly ms: number; readonly seesLeaving: boolean }
  | { readonly kind: "clock"; readonly offsetMs: number };

/** How often each happens. Those that end connections are the most frequent. */
const WEIGHTS: Readonly<Record<Exclude<LinkFaultKind, "slow" | "strand"> | "switch" | "away" | "rejoin", number>> = {
  reset: 34,
  end: 22,
  "mid-frame": 18,
  "half-open": 5,
  stall: 4,
  throttle: 2,
  refuse: 3,
  "no-upgrade": 2,
  buffer: 2,
  switch: 7,
  away: 1,
  rejoin: 5,
};

const ABSENT = 5;
const HOUR_MS = 3_600_000;
const MOST_HOURS = 12;
/** The server's clock is never further ahead than this. */
export const LATEST_MS = MOST_HOURS * HOUR_MS;

/**
 * The plan of a run, one incident after the other: the same seed gives the same plan. What happens at an independent pace has a separate
 * sequence, since the plan does not say which of them comes first.
 */
export class Chaos {
  readonly #incidents: Random;
  readonly #slowReaders: Random;
  readonly #clockJumps: Random;
  readonly #absences: Random;
  readonly #clients: number;
  #lists = 0;

  constructor(random: Random, clients: number) {
    this.#incidents = random.of("incidents");
    this.#slowReaders = random.of("slow readers");
    this.#clockJumps = random.of("clock jumps");
    this.#absences = random.of("absences");
    this.#clients = clients;
  }

  next(): Incident {
    const random = this.#incidents;
    const kind = random.weighted(WEIGHTS);
    const client = random.between(0, this.#clients - 1);
    switch (kind) {
      case "switch":
        return { kind, client, transports: this.transports() };
      case "away":
        return { kind, client, ms: random.between(100, 1_500) };
      case "rejoin":
        return { kind, client, ms: random.between(400, 1_500), seesLeaving: random.chance(0.4) };
      case "reset":
      case "end":
        return { kind: "link", client, fault: { kind } };
      case "mid-frame":
        return { kind: "link", client, fault: { kind, bytes: random.between(1, 1_500) } };
      case "half-open":
      case "stall":
        return { kind: "link", client, fault: { kind, ms: random.between(300, 3_000) } };
      default:
        return { kind: "link", client, fault: { kind, ms: random.between(500, 4_000) } };
    }
  }

  slowReader(): Incident {
    return { kind: "slow", client: this.#slowReaders.between(0, this.#clients - 1), ms: 2_500 };
  }

  /** Clients that stay away long enough that some people have gone when all is quiet. */
  absent(ms: number): Incident[] {
    const all = Array.from({ length: this.#clients }, (_, client) => client);
    return this.#absences.some(all, ABSENT).map((client) => ({ kind: "away", client, ms }));
  }

  /** A client that goes away for longer than the grace of a departure. */
  departure(): Incident {
    return {
      kind: "away",
      client: this.#absences.between(0, this.#clients - 1),
      ms: this.#absences.between(1_200, 3_200),
    };
  }

  /**
   * Minutes to half a day, in both directions, and within the lifetime of a login and of the log. Two jumps are less than a day apart: that is
   * how long the server remembers a `dedupeKey`.
   */
  clockJump(): Incident {
    const random = this.#clockJumps;
    const span = random.chance(0.5) ? HOUR_MS / 60 : HOUR_MS;
    return { kind: "clock", offsetMs: Math.round((random.next() * 2 - 1) * span * random.between(1, MOST_HOURS)) };
  }

  /** The transports take turns at the head of the list, so that each carries about as much as any other. */
  transports(): TransportName[] {
    const first = TRANSPORTS[this.#lists++ % TRANSPORTS.length] as TransportName;
    const rest = TRANSPORTS.slice(TRANSPORTS.indexOf(first) + 1);
    return [first, ...rest.filter(() => this.#incidents.chance(0.6))];
  }
}
