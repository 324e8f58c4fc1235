import type { BusMessage, NodeId } from "../bus/bus.ts";
import type { Answer } from "./asking.ts";

/** Everything that goes over the socket. Both ends are of the same version, since the supervisor starts its workers. */
export type Message<Question, Telling> =
  | { readonly ask: number; readonly of: Question }
  | { readonly answer: number; readonly is: Answer }
  | { readonly tell: Telling };

export interface Welcome {
  /** Where everybody listens; 0 in the settings is a number here. */
  readonly port: number;
  readonly wsPort: number | undefined;
  /** How many workers there are. */
  readonly workers: number;
}

/** A count of `SHARED_RATES`, which the supervisor keeps for all. */
export interface RateQuestion {
  readonly rate: string;
  readonly act: "take" | "tryTake" | "check" | "giveBack" | "reset";
  readonly key: string | number;
}

export type WorkerAsks =
  | { readonly write: string; readonly input: unknown; readonly whenIdle?: true }
  | { readonly truncateJournal: true }
  | { readonly count: RateQuestion }
  | { readonly machine: MachineQuestion };

/** What the whole machine is asked. */
export type MachineQuestion =
  | { readonly metrics: true }
  | { readonly series: { readonly name: string; readonly from: number; readonly to: number; readonly stepMs: number } };

export type WorkerTells =
  /** The first one: tells which worker this is. */
  | { readonly hello: { readonly pid: number; readonly node: NodeId } }
  /** It answers requests. */
  | { readonly ready: true }
  /** Everything up to this position has been handed on here. */
  | { readonly announced: number }
  | { readonly bus: BusMessage };

export type SupervisorAsks =
  | { readonly ping: true }
  | { readonly metrics: true }
  | { readonly numbers: true }
  /** Ends reads and holds new ones for so long, or until `resume`. */
  | { readonly holdReads: number }
  /** The end, with time for load balancers or without; the answer comes when it is done, just before the process ends. */
  | { readonly stop: "in order" | "at once" };

export type SupervisorTells =
  | { readonly welcome: Welcome }
  | { readonly resumeReads: true }
  /** All processes that are there, the supervisor too; before anything from a new one. */
  | { readonly alive: readonly NodeId[] }
  | { readonly bus: BusMessage; readonly from: NodeId };

/** What a write is answered with. */
export interface Written {
  readonly value?: unknown;
  /** The log's end when it was answered. */
  readonly upTo: number;
}
