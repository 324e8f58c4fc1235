import type { Stop } from "../lib/interval.ts";
import type { BusListener, BusMessage, LiveMessage, NodeId, OpenBus } from "./bus.ts";

interface TwoBusesParts {
  /** The bus that is used, and whose state counts. */
  readonly main: OpenBus;
  readonly standIn: OpenBus;
  /** Whether every other node has the main bus and it works there, as far as is known. */
  readonly allHearMain: () => boolean;
  /** Whether this node hears all others by the main bus. */
  readonly hearsAll: () => boolean;
}

/** How many of a node's newest messages are remembered by number, so that a message that came twice is handed on once. */
const REMEMBERED = 10_000;
/** How many nodes are remembered, those that began last: a node that has ended sends nothing more. */
const NODES_REMEMBERED = 256;

/**
 * A main bus, and another one that stands in for it. While the main bus of any node does not work, or brings nothing from some other node, everything is sent
 * over both, so that this node can still send and receive. What comes twice is handed on once, except batches of the log, which may be repeated anyway.
 */
export class TwoBuses implements OpenBus {
  readonly #parts: TwoBusesParts;
  readonly #listeners = new Set<BusListener>();
  readonly #seen = new Map<NodeId, Set<number>>();
  #count = 0;

  constructor(parts: TwoBusesParts) {
    this.#parts = parts;
    for (const bus of [parts.main, parts.standIn]) bus.subscribe((message, from) => this.#hear(message, from));
  }

  get works(): boolean {
    return this.#parts.main.works && this.#parts.hearsAll();
  }

  get carriesEvents(): boolean {
    return this.#parts.main.carriesEvents;
  }

  publish(message: BusMessage): void {
    const { main, standIn, allHearMain } = this.#parts;
    if (this.works && allHearMain()) return main.publish(message);
    const twice = message.channel === "log" ? message : this.#numbered(message);
    main.publish(twice);
    standIn.publish(twice);
  }

  subscribe(listener: BusListener): Stop {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onRestored(listener: () => void): Stop {
    const { main, standIn } = this.#parts;
    const stops = [main.onRestored(listener), standIn.onRestored(listener)];
    return () => {
      for (const stop of stops) stop();
    };
  }

  async close(): Promise<void> {
    const { main, standIn } = this.#parts;
    await Promise.all([main.close(), standIn.close()]);
    this.#listeners.clear();
  }

  #hear(message: BusMessage, from: NodeId): void {
    if (message.channel === "live" && message.byBoth !== undefined && !this.#isNew(from, message.byBoth)) return;
    for (const listener of [...this.#listeners]) listener(message, from);
  }

  #numbered(message: LiveMessage): LiveMessage {
    this.#count += 1;
    return { ...message, byBoth: this.#count };
  }

  #isNew(from: NodeId, number: number): boolean {
    const seen = this.#seen.get(from) ?? new Set();
    if (seen.has(number)) return false;
    this.#seen.set(from, seen.add(number));
    if (seen.size > REMEMBERED) seen.delete(seen.values().next().value as number);
    if (this.#seen.size > NODES_REMEMBERED) this.#seen.delete(this.#seen.keys().next().value as NodeId);
    return true;
  }
}
