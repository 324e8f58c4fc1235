/**
 * What nodes must know of each other besides the log: who is connected where, frames that are not logged, and questions. Nodes are
 * processes of one machine, or of a cluster.
 *
 * - Everything here is sent over the bus, which may lose, repeat and reorder it. So each message is either a state with a version, which can be
 *   asked for again, or something whose loss harms nobody.
 * - Only nodes that count as alive (`liveness.ts`) are believed.
 * - A node that is alone has all of this too, but no other node to talk to.
 *
 * Knows nothing of presence, people or connections.
 */
import { type Bus, type NodeId, newNodeId } from "../bus/bus.ts";
import { MemoryBus } from "../bus/memory-bus.ts";
import type { Stop } from "../lib/interval.ts";
import { type Liveness, LivingNodes } from "./liveness.ts";

/** A node's place among the others. */
export interface NodePlace {
  readonly self: NodeId;
  readonly bus: Bus;
  readonly liveness: Liveness;
}

/** The place of a node that is the only one. */
export function aloneNode(): NodePlace {
  const self = newNodeId();
  return { self, bus: new MemoryBus().open(self), liveness: new LivingNodes() };
}

/** Gets each message of its kind. It checks the shape, and must not wait. */
export type ChannelListener = (data: Record<string, unknown>, from: NodeId) => void;

/** The unlogged channel of the bus, by kinds of messages. A kind that this node does not know comes from another version, and is skipped. */
export class NodeChannel {
  readonly place: NodePlace;
  readonly #onError: (error: unknown) => void;
  readonly #listeners = new Map<string, ChannelListener>();

  constructor(place: NodePlace, onError: (error: unknown) => void) {
    this.place = place;
    this.#onError = onError;
  }

  /** The other nodes that are alive now. */
  get others(): readonly NodeId[] {
    return [...this.place.liveness.others()];
  }

  /** Sends to all other nodes, at most once. */
  send(kind: string, data: Record<string, unknown>): void {
    this.place.bus.publish({ channel: "live", data: { ...data, kind } });
  }

  /** Sets who is told of messages of this kind. */
  on(kind: string, listener: ChannelListener): void {
    this.#listeners.set(kind, listener);
  }

  start(): Stop {
    const { bus, liveness } = this.place;
    return bus.subscribe((message, from) => {
      if (message.channel === "live" && liveness.isAlive(from)) this.#hear(message.data, from);
    });
  }

  #hear(data: unknown, from: NodeId): void {
    if (typeof data !== "object" || data === null || !("kind" in data)) return;
    try {
      this.#listeners.get(String(data.kind))?.(data as Record<string, unknown>, from);
    } catch (error) {
      this.#onError(error);
    }
  }
}
