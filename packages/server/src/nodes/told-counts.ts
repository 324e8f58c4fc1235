import type { NodeId } from "../bus/bus.ts";
import { every, type Stop } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import type { NodeChannel } from "./channel.ts";

const TELL_MS = 1000;
/** What was not told again for so long counts no more: two tellings may be lost. */
const FORGOTTEN_AFTER_MS = 3500;
/** Keys that a node tells, those that it has most of: what it says stays below what the bus takes at once. */
const KEYS_MAX = 5000;

/** A key, and how many of it a node has. */
export type Count = readonly [key: string, count: number];

interface Told {
  readonly counts: ReadonlyMap<string, number>;
  readonly at: number;
}

interface ToldCountsParts {
  readonly channel: NodeChannel;
  /** Of the messages on the channel. */
  readonly kind: string;
  /** What this node has. */
  readonly own: () => Iterable<Count>;
  /** How many of a key all nodes together may have. */
  readonly most: number;
}

/**
 * How many the other nodes have of something that is bounded for all of them together, such as connections of an address. Each tells every second what it
 * has, not what has changed, so a lost message and a dead node leave nothing wrong.
 *
 * A node does not tell keys of which it has so few that all nodes together, with as many each, have less than half of what they may. So of a key there may be
 * half as many more than the number, if somebody spreads them just so, and those of the last second.
 */
export class ToldCounts {
  readonly #parts: ToldCountsParts;
  readonly #told = new Map<NodeId, Told>();
  #hasTold = false;

  constructor(parts: ToldCountsParts) {
    this.#parts = parts;
  }

  start(): Stop {
    const { channel, kind } = this.#parts;
    channel.on(kind, ({ counts }, from) => {
      if (!Array.isArray(counts)) return;
      this.#told.set(from, { counts: new Map(counts.slice(0, KEYS_MAX).filter(isCount)), at: uptimeMs() });
    });
    const stops = [
      channel.place.liveness.onDown((node) => void this.#told.delete(node)),
      every(TELL_MS, () => this.#tell()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** What all other nodes have of a key, as far as they have told it. */
  elsewhere(key: string): number {
    const since = uptimeMs() - FORGOTTEN_AFTER_MS;
    let sum = 0;
    for (const { counts, at } of this.#told.values()) if (at > since) sum += counts.get(key) ?? 0;
    return sum;
  }

  #tell(): void {
    const { channel, kind, own, most } = this.#parts;
    const others = channel.others.length;
    if (others === 0) return;
    const least = most / (2 * (others + 1));
    const counts = [...own()].filter(([, count]) => count >= least);
    if (counts.length > KEYS_MAX) counts.sort(([, a], [, b]) => b - a).splice(KEYS_MAX);
    if (counts.length > 0 || this.#hasTold) channel.send(kind, { counts });
    this.#hasTold = counts.length > 0;
  }
}

/** It comes from the network. */
function isCount(count: unknown): count is Count {
  if (!Array.isArray(count)) return false;
  const [key, amount] = count;
  return typeof key === "string" && Number.isSafeInteger(amount) && amount > 0;
}
