import { CAPS } from "../limits/caps.ts";
import type { BusMessage, NodeId } from "./bus.ts";
import { type BusFrame, frameOf, pulseFrame } from "./bus-frame.ts";

interface UnsentParts {
  readonly node: NodeId;
  /** Whether messages of the log contain events, or only positions. */
  readonly withEvents: boolean;
  /** A live message that could not be kept, and why. */
  readonly dropped: (why: "full" | "too_large") => void;
}

/**
 * What a node has published and the service that carries it does not have yet, bounded in bytes. How far the log goes is never out of date: if there
 * is no room, or no connection, the highest position of the log is kept.
 */
export class Unsent {
  readonly #parts: UnsentParts;
  #frames: BusFrame[] = [];
  #bytes = 0;
  /** The highest position that was published and is not among the frames; 0: there is nothing to say. */
  #upTo = 0;
  /** The highest position that was ever published. */
  #highest = 0;
  #number = 0;

  constructor(parts: UnsentParts) {
    this.#parts = parts;
  }

  /** The number of the newest frame. */
  get number(): number {
    return this.#number;
  }

  get isEmpty(): boolean {
    return this.#frames.length === 0 && this.#upTo === 0;
  }

  /** Never throws. */
  add(message: BusMessage): void {
    if (message.channel === "log") this.#highest = Math.max(this.#highest, message.upTo);
    if (message.channel === "log" && !this.#parts.withEvents) {
      this.#upTo = this.#highest;
      return;
    }
    const frame = this.#frameOf(message);
    if (frame === undefined) return this.#parts.dropped("too_large");
    if (this.#bytes + frame.text.length <= CAPS.busBytes.count) return this.#push(frame);
    if (message.channel === "log") this.#upTo = this.#highest;
    else this.#parts.dropped("full");
  }

  /** Adds an empty frame, which only this node looks at when it comes back. */
  addPulse(): void {
    this.#push(pulseFrame(this.#nextHead()));
  }

  /** Everything that waits, in order. */
  take(): BusFrame[] {
    const frames = this.#frames;
    const upTo = this.#upTo;
    this.clear();
    const position = upTo > 0 && frameOf(this.#nextHead(), { channel: "log", events: [], upTo });
    if (!position) return frames;
    this.#number += 1;
    return [...frames, position];
  }

  clear(): void {
    this.#frames = [];
    this.#bytes = 0;
    this.#upTo = 0;
  }

  /** Others may have missed what was published so far: forgets it, and keeps only how far the log goes. */
  beginAnew(): void {
    this.clear();
    this.#upTo = this.#highest;
  }

  #push(frame: BusFrame): void {
    this.#number += 1;
    this.#frames.push(frame);
    this.#bytes += frame.text.length;
  }

  #frameOf(message: BusMessage): BusFrame | undefined {
    try {
      return frameOf(this.#nextHead(), message);
    } catch {
      // It is not JSON.
      return undefined;
    }
  }

  #nextHead() {
    return { from: this.#parts.node, number: this.#number + 1 };
  }
}
