import type { BusListener, BusMessage, NodeId, OpenBus } from "../src/bus/bus.ts";
import type { Stop } from "../src/lib/interval.ts";

/**
 * A bus at its worst: of what arrives at a node, every third message is lost, every fifth comes twice, and every seventh comes after the
 * one that follows it. It can be cut and healed like a service that goes away.
 */
export class FaultyBus implements OpenBus {
  readonly #inner: OpenBus;
  readonly #listeners = new Set<BusListener>();
  readonly #restoredListeners = new Set<() => void>();
  #arrived = 0;
  #late: { message: BusMessage; from: NodeId } | undefined;
  #isCut = false;

  constructor(inner: OpenBus) {
    this.#inner = inner;
    inner.subscribe((message, from) => this.#hear(message, from));
    inner.onRestored(() => this.#tellRestored());
  }

  get works(): boolean {
    return this.#inner.works && !this.#isCut;
  }

  get carriesEvents(): boolean {
    return this.#inner.carriesEvents;
  }

  publish(message: BusMessage): void {
    if (!this.#isCut) this.#inner.publish(message);
  }

  subscribe(listener: BusListener): Stop {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestored(listener: () => void): Stop {
    this.#restoredListeners.add(listener);
    return () => void this.#restoredListeners.delete(listener);
  }

  /** Nothing passes in either direction until it heals. */
  cut(): void {
    this.#isCut = true;
    this.#late = undefined;
  }

  heal(): void {
    this.#isCut = false;
    this.#tellRestored();
  }

  async close(): Promise<void> {
    this.#listeners.clear();
    await this.#inner.close();
  }

  #hear(message: BusMessage, from: NodeId): void {
    if (this.#isCut) return;
    this.#arrived += 1;
    if (this.#arrived % 3 === 0) return;
    if (this.#arrived % 7 === 0) {
      this.#late = { message, from };
      return;
    }
    this.#handOn(message, from);
    if (this.#arrived % 5 === 0) this.#handOn(message, from);
    const late = this.#late;
    this.#late = undefined;
    if (late) this.#handOn(late.message, late.from);
  }

  #handOn(message: BusMessage, from: NodeId): void {
    for (const listener of [...this.#listeners]) listener(message, from);
  }

  #tellRestored(): void {
    for (const listener of [...this.#restoredListeners]) listener();
  }
}
