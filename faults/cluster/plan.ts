import type { Random } from "../random.ts";

/** How the nodes learn of each other. */
export type BusKind = "redis" | "notify";

/** Something that happens to a node, or to a service that all nodes need. Times are milliseconds. */
export type ClusterIncident =
  /** SIGKILL, and a new start after a while. Some clients cannot come back for a long time, so that only the node's death ends their presence. */
  | { readonly kind: "kill"; readonly node: number; readonly awayMs: number; readonly strandsMs: number }
  | { readonly kind: "stop" | "long stop"; readonly node: number; readonly ms: number }
  | { readonly kind: "drain"; readonly node: number }
  | {
      readonly kind: "cut from bus" | "cut from database";
      readonly node: number;
      readonly ms: number;
      readonly how: Cut;
    }
  | { readonly kind: "slow database"; readonly node: number | "all"; readonly ms: number; readonly delayMs: number }
  | { readonly kind: "bus restarts"; readonly awayMs: number }
  | { readonly kind: "database restarts"; readonly awayMs: number; readonly how: "SIGKILL" | "immediate" }
  /** An administrator ends one of the nodes' connections to the database: the one that listens, if there is one. */
  | { readonly kind: "connection ended" }
  /** Another session leaves a transaction open in which it has notified. */
  | { readonly kind: "open notify"; readonly ms: number };

export type ClusterFault = ClusterIncident["kind"];
/** `stall`: connections stay open, and nothing passes. */
type Cut = "cut" | "stall";

/** How often each fault happens in one round. The order is another one each time. */
const ROUND: Readonly<Record<ClusterFault, number>> = {
  kill: 3,
  stop: 2,
  "long stop": 1,
  drain: 1,
  "cut from bus": 1,
  "cut from database": 1,
  "slow database": 1,
  "bus restarts": 1,
  "database restarts": 1,
  "connection ended": 1,
  "open notify": 1,
};
export const KILLS_PER_ROUND = ROUND.kill;
/** Faults of a service that a cluster without Redis does not have. */
const OF_REDIS: readonly ClusterFault[] = ["cut from bus", "bus restarts"];

/** The plan of a run: the same seed gives the same plan. */
export class ClusterPlan {
  readonly #random: Random;
  readonly #nodes: number;
  readonly #kinds: readonly ClusterFault[];

  constructor(random: Random, { nodes, bus }: { nodes: number; bus: BusKind }) {
    this.#random = random;
    this.#nodes = nodes;
    this.#kinds = (Object.entries(ROUND) as [ClusterFault, number][])
      .filter(([kind]) => bus === "redis" || !OF_REDIS.includes(kind))
      .flatMap(([kind, count]) => Array<ClusterFault>(count).fill(kind));
  }

  get perRound(): number {
    return this.#kinds.length;
  }

  round(): ClusterIncident[] {
    return this.#random.some(this.#kinds, this.#kinds.length).map((kind) => this.#incident(kind));
  }

  #incident(kind: ClusterFault): ClusterIncident {
    const random = this.#random;
    const node = random.between(0, this.#nodes - 1);
    const how = random.chance(0.5) ? "cut" : "stall";
    switch (kind) {
      case "kill":
        return { kind, node, awayMs: random.between(0, 2_000), strandsMs: random.between(16_000, 22_000) };
      case "stop":
        return { kind, node, ms: random.between(300, 4_000) };
      case "long stop":
        // When it goes on, the others have declared it dead.
        return { kind, node, ms: random.between(11_500, 15_000) };
      case "drain":
        return { kind, node };
      case "cut from bus":
      case "cut from database":
        return {
          kind,
          node,
          how,
          ms: random.chance(0.3) ? random.between(10_500, 14_000) : random.between(500, 6_000),
        };
      case "slow database":
        return {
          kind,
          node: random.chance(0.5) ? node : "all",
          ms: random.between(4_000, 9_000),
          delayMs: random.between(1, 50),
        };
      case "bus restarts":
        return { kind, awayMs: random.between(100, 4_000) };
      case "database restarts":
        return { kind, awayMs: random.between(100, 3_000), how: random.chance(0.5) ? "SIGKILL" : "immediate" };
      case "connection ended":
        return { kind };
      case "open notify":
        return { kind, ms: random.between(3_000, 8_000) };
    }
  }
}
