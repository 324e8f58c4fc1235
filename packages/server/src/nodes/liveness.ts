import type { NodeId } from "../bus/bus.ts";
import type { Stop } from "../lib/interval.ts";

/**
 * Tells this node which others are alive. Among the processes of one machine the end of a socket decides; in a cluster, the rows of leases
 * do. A node that was declared dead never returns: if its process goes on, it has another id.
 */
export interface Liveness {
  /** The other nodes that are alive now. */
  others(): Iterable<NodeId>;
  isAlive(node: NodeId): boolean;
  /** Calls when another node begins to count as alive. */
  onUp(listener: (node: NodeId) => void): Stop;
  /** Calls when another node counts as dead. */
  onDown(listener: (node: NodeId) => void): Stop;
}

/** A list of the nodes that are alive, which its owner keeps up to date. */
export class LivingNodes implements Liveness {
  readonly #nodes = new Set<NodeId>();
  readonly #up = new Set<(node: NodeId) => void>();
  readonly #down = new Set<(node: NodeId) => void>();

  others(): Iterable<NodeId> {
    return [...this.#nodes];
  }

  get count(): number {
    return this.#nodes.size;
  }

  isAlive(node: NodeId): boolean {
    return this.#nodes.has(node);
  }

  onUp(listener: (node: NodeId) => void): Stop {
    this.#up.add(listener);
    return () => void this.#up.delete(listener);
  }

  onDown(listener: (node: NodeId) => void): Stop {
    this.#down.add(listener);
    return () => void this.#down.delete(listener);
  }

  /** Another node is alive. */
  up(node: NodeId): void {
    if (this.#nodes.has(node)) return;
    this.#nodes.add(node);
    for (const listener of this.#up) listener(node);
  }

  /** Another node is dead. */
  down(node: NodeId): void {
    if (!this.#nodes.delete(node)) return;
    for (const listener of this.#down) listener(node);
  }
}
