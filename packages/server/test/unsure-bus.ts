import type { BusListener, BusMessage, NodeId, OpenBus } from "../src/bus/bus.ts";
import type { Stop } from "../src/lib/interval.ts";
import type { Random } from "./seeded.ts";

/** How a bus treats each copy of a message, each as a share of all. */
export interface Faults {
  readonly lost: number;
  readonly repeated: number;
  readonly reordered: number;
}

export const NO_FAULTS: Faults = { lost: 0, repeated: 0, reordered: 0 };

interface Copy {
  readonly to: NodeId;
  readonly from: NodeId;
  readonly text: string;
}

/** A bus in memory that loses, repeats and reorders, by seeded chance. Copies wait until `deliver` is called. */
export class UnsureBus {
  faults: Faults = NO_FAULTS;
  readonly #random: Random;
  readonly #ends = new Map<NodeId, Set<BusListener>>();
  #waiting: Copy[] = [];
  /** The most characters that one message had. */
  longest = 0;
  sent = 0;
  /** The nodes that answered a question, one for each answer. */
  readonly answered: NodeId[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  open(node: NodeId): OpenBus {
    const listeners = new Set<BusListener>();
    this.#ends.set(node, listeners);
    return {
      works: true,
      carriesEvents: true,
      publish: (message) => this.#send(node, message),
      subscribe: (listener): Stop => {
        listeners.add(listener);
        return () => void listeners.delete(listener);
      },
      onRestored: () => () => {},
      close: async () => void this.#ends.delete(node),
    };
  }

  /** Hands over what waits, and keeps some of it for the next time. @returns whether anything was handed over */
  deliver(): boolean {
    const due = this.#waiting;
    this.#waiting = [];
    for (const copy of due) {
      if (this.#random() < this.faults.lost) continue;
      if (this.#random() < this.faults.repeated) this.#waiting.push(copy);
      if (this.#random() < this.faults.reordered) this.#waiting.push(copy);
      else for (const hear of this.#ends.get(copy.to) ?? []) hear(JSON.parse(copy.text), copy.from);
    }
    return due.length > 0;
  }

  #send(from: NodeId, message: BusMessage): void {
    const text = JSON.stringify(message);
    this.sent += 1;
    if (text.includes('"end":true')) this.answered.push(from);
    this.longest = Math.max(this.longest, text.length);
    for (const to of this.#ends.keys()) if (to !== from) this.#waiting.push({ to, from, text });
  }
}
