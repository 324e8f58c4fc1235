import type { BusListener, BusMessage, NodeId, OpenBus } from "../bus/bus.ts";
import type { Stop } from "../lib/interval.ts";

/**
 * The bus of one machine, by way of the supervisor: what one process publishes goes over its socket, and from there to all others. It works
 * as long as its socket does, and a worker whose socket has ended ends too.
 */
export class SocketBus implements OpenBus {
  readonly node: NodeId;
  readonly carriesEvents = true;
  readonly #send: (message: BusMessage) => void;
  readonly #listeners = new Set<BusListener>();
  #isOpen = true;

  /** @param send must not wait; what it throws, such as for something that is not JSON, loses the message */
  constructor(node: NodeId, send: (message: BusMessage) => void) {
    this.node = node;
    this.#send = send;
  }

  get works(): boolean {
    return this.#isOpen;
  }

  /** What another process has published. */
  hear(message: BusMessage, from: NodeId): void {
    for (const listener of [...this.#listeners]) if (this.#isOpen) listener(message, from);
  }

  publish(message: BusMessage): void {
    if (!this.#isOpen || (message.channel === "live" && message.data === undefined)) return;
    try {
      this.#send(message);
    } catch {
      // Any message may be lost.
    }
  }

  subscribe(listener: BusListener): Stop {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** It works from the start. */
  onRestored(): Stop {
    return () => {};
  }

  async close(): Promise<void> {
    this.#isOpen = false;
    this.#listeners.clear();
  }
}
