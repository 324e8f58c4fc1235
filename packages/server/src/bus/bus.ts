import type { LoggedEvent } from "../db/transaction.ts";
import { randomHex } from "../lib/ids.ts";
import type { Stop } from "../lib/interval.ts";

/**
 * The bus carries messages between the nodes of an installation, beside the database.
 *
 * - It carries messages to other nodes only. A node's own readers get their events in the same way whether there is a bus or not.
 * - A message may be lost, repeated and reordered. The log is the truth: a node that sees a gap reads the log. Everything else that
 *   the bus carries is a state with a version, which can be asked for again, or something whose loss harms nobody.
 * - Nothing waits for it. While it is away, events reach the other nodes later, and what is not logged may be missing there.
 * - The interface has several implementations (memory, a socket, PostgreSQL, Redis), which pass one suite (`bus.contract.ts`).
 *
 * Knows nothing of what an event means, nor of presence. Imports only `lib/` and the types of `db/`.
 */
export interface Bus {
  /** Tells all other nodes, at most once. It never throws and never waits; what cannot be sent now is dropped. */
  publish(message: BusMessage): void;
  /** Calls the listener with what other nodes publish from now on, and with nothing that this node publishes. A listener must not throw or wait. */
  subscribe(listener: BusListener): Stop;
  /**
   * Calls the listener each time the bus begins to work, even just after it was opened, unless it worked from the start. What was published
   * before is lost: a listener looks at the log's end and asks for snapshots.
   */
  onRestored(listener: () => void): Stop;
}

/** A bus as the code that opened it sees it. */
export interface OpenBus extends Bus {
  /** Whether messages get through at present, in both directions. A node whose bus does not work is degraded. */
  readonly works: boolean;
  /** Whether a batch's message contains its events, so that waiting for a missing batch makes sense. Otherwise it contains only the position. */
  readonly carriesEvents: boolean;
  /** Ends everything that opening has started. After that, nothing is sent or passed to listeners. */
  close(): Promise<void>;
}

export type BusMessage = LogMessage | LiveMessage;

/** What a node has just committed: one message for each batch, in the order of position as far as the bus keeps it. */
export interface LogMessage {
  readonly channel: "log";
  /** The batch, in the order of position and without a gap. Empty if the message has only the position: then read the log. */
  readonly events: readonly LoggedEvent[];
  /** The position of the batch's last event. */
  readonly upTo: number;
}

/** Everything that is not logged: presence, typing, questions and answers between nodes. */
export interface LiveMessage {
  readonly channel: "live";
  /** Anything that JSON holds. It comes from a network service: whoever listens checks its shape. */
  readonly data: unknown;
  /** Its number among those that the sender has sent over two buses (`two-buses.ts`), so that it may come twice. */
  readonly byBoth?: number;
}

export type BusListener = (message: BusMessage, from: NodeId) => void;

/** A node between one start and its end: 16 hexadecimal digits. A node that starts again has another one. */
export type NodeId = string;

export function newNodeId(): NodeId {
  return randomHex(64);
}
