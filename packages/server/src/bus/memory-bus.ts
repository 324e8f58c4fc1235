import type { Stop } from "../lib/interval.ts";
import type { BusListener, BusMessage, NodeId, OpenBus } from "./bus.ts";

/**
 * The bus of nodes in one process. A server that is the only one has it, where it carries nothing, and so do tests. It always
 * works. Each node gets its own copy of a message in a later microtask, made by way of JSON as on every other bus.
 */
export class MemoryBus {
  readonly #nodes = new Map<NodeId, MemoryBusNode>();

  /** A node's end of the bus. */
  open(node: NodeId): OpenBus {
    const opened = new MemoryBusNode({
      send: (message) => this.#send(node, message),
      closed: () => void this.#nodes.delete(node),
    });
    this.#nodes.set(node, opened);
    return opened;
  }

  #send(from: NodeId, message: BusMessage): void {
    if (this.#nodes.size < 2) return;
    const text = textOf(message);
    if (text === undefined) return;
    queueMicrotask(() => {
      for (const [node, { hear }] of [...this.#nodes]) if (node !== from) hear(JSON.parse(text), from);
    });
  }
}

class MemoryBusNode implements OpenBus {
  readonly #parts: { send(message: BusMessage): void; closed(): void };
  readonly #listeners = new Set<BusListener>();
  readonly carriesEvents = true;
  #isOpen = true;

  constructor(parts: { send(message: BusMessage): void; closed(): void }) {
    this.#parts = parts;
  }

  get works(): boolean {
    return this.#isOpen;
  }

  readonly hear: BusListener = (message, from) => {
    for (const listener of [...this.#listeners]) if (this.#isOpen) listener(message, from);
  };

  publish(message: BusMessage): void {
    if (this.#isOpen) this.#parts.send(message);
  }

  subscribe(listener: BusListener): Stop {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** It always works, so it never begins to. */
  onRestored(): Stop {
    return () => {};
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#parts.closed();
  }
}

/** Undefined if it is not JSON. */
function textOf(message: BusMessage): string | undefined {
  try {
    return JSON.stringify(message);
  } catch {
    return undefined;
  }
}
