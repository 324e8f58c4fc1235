import type { Random } from "./random.ts";

export interface RecentMessage {
  readonly id: number;
  readonly roomId: number;
}

const KEPT = 10;
/** One in this many messages is kept, so that each stays for a second or two and several people mark it. */
const ONE_OF = 40;

/** Some of the messages that were sent recently. */
export class RecentMessages {
  readonly #kept: RecentMessage[] = [];
  #sent = 0;

  add(message: RecentMessage): void {
    this.#sent += 1;
    if (this.#sent % ONE_OF === 1) this.#kept[((this.#sent / ONE_OF) % KEPT) | 0] = message;
  }

  /** Picks one by two numbers between 0 and 1. Half of the time it is the first one, which everybody marks. */
  pick(random: Random): RecentMessage | undefined {
    const [isFirst, at] = [random.chance(0.5), random.next()];
    return this.#kept[isFirst ? 0 : Math.floor(at * this.#kept.length)];
  }
}
