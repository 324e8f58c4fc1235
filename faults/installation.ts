import type { ServerLife } from "./check-starts.ts";
import type { Effect } from "./effect.ts";
import type { Evidence } from "./evidence.ts";
import type { Lull } from "./lull.ts";
import type { Problems } from "./problems.ts";
import type { Random } from "./random.ts";

/** The faults of servers that have happened so far. */
export interface ServerFaults {
  readonly kills: number;
  readonly drains: number;
  readonly clockJumps: number;
  /** Others, by kind. */
  readonly more?: Readonly<Record<string, number>> | undefined;
}

export interface FaultPlan {
  readonly random: Random;
  readonly kills: number;
  readonly seconds: number;
  readonly lull: Lull;
  /** From now on a few clients that are connected to this server alone find no way to any other for so many milliseconds, if their connections break. */
  readonly strand: (node: number, ms: number) => Promise<void>;
}

/** What a run puts to the test: one server, or several on one database. */
export interface Installation extends Effect {
  /** Where it answers. */
  readonly ports: readonly number[];
  /** Where its data is, from the first start on. */
  readonly place: ConstructorParameters<typeof Evidence>[0];
  /** The processes so far. */
  readonly lives: readonly ServerLife[];
  readonly faults: ServerFaults;
  /** What was wrong with the servers themselves. */
  readonly problems: Problems;
  readonly movesClock: boolean;

  start(): Promise<void>;
  /** Ends servers again and again, spread over the run. Resolves when the last one is back. */
  breakDown(plan: FaultPlan): Promise<void>;
  /** From now on, the servers' wall clocks are this far from the true one. */
  jumpTo(offsetMs: number): void;
  /** Runs `parley` with these words on its data. @throws Error if it fails */
  parley(...args: string[]): Promise<void>;
  /** As for an update. @throws Error if a server did not end well */
  stop(): Promise<void>;
  /** Ends everything at once, since this process ends. */
  killNow(): void;
  remove(): Promise<void>;
}
