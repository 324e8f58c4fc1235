import type { BusMessage, OpenBus } from "../bus/bus.ts";
import { every, type Stop } from "../lib/interval.ts";
import type { Logger } from "../ops/logger.ts";
import type { Announcer } from "./announce.ts";

/** How often this node looks whether it is time to look at the log's end. */
const LOOK_MS = 250;
/** At the latest, so many of these times later it does, whatever the bus has said: a message that was lost costs no more. */
const LOOKS_AT_LEAST = 20;

interface OtherNodesParts {
  readonly announcer: Pick<Announcer, "announce" | "announceUpTo">;
  /** Looks at the log's end and hands on what is new. */
  readonly look: () => Promise<void>;
  /** Asked before anything that others wrote is handed on. */
  readonly mayHandOn: () => boolean | Promise<boolean>;
  readonly bus: Pick<OpenBus, "subscribe" | "onRestored" | "carriesEvents" | "works">;
  /** Whether anybody is connected here who waits for events. */
  readonly hasReaders: () => boolean;
  readonly logger: Logger;
}

/**
 * How this node learns what other nodes have written: by their batches on the bus, or by how far the log goes, and by looking at its end now and
 * then, since the bus may lose what it carries. The announcer puts all of it in order.
 */
export class OtherNodes {
  readonly #parts: OtherNodesParts;
  #looksLeft = LOOKS_AT_LEAST;
  #looking: Promise<void> | undefined;
  #wanted = false;
  #hasFailed = false;

  constructor(parts: OtherNodesParts) {
    this.#parts = parts;
  }

  start(): Stop {
    const { bus } = this.#parts;
    const stops = [
      bus.subscribe((message) => void this.#hear(message)),
      bus.onRestored(() => this.#look()),
      every(LOOK_MS, () => this.#tick()),
    ];
    return () => {
      for (const stop of stops) stop();
    };
  }

  #hear(message: BusMessage): Promise<void> | undefined {
    if (message.channel !== "log") return undefined;
    const { announcer } = this.#parts;
    const { events, upTo } = message;
    return this.#tried(() => (events.length > 0 ? announcer.announce(events) : announcer.announceUpTo(upTo)));
  }

  /** A bus that brings events brings them sooner than any look; without one, readers wait for the look. */
  #tick(): void {
    const { bus, hasReaders } = this.#parts;
    this.#looksLeft -= 1;
    const isFollowed = bus.carriesEvents && bus.works;
    if (this.#looksLeft <= 0 || (!isFollowed && hasReaders())) this.#look();
  }

  /** Those who ask while a look is under way get another one, since it may have seen the log's end already. */
  #look(): void {
    this.#looksLeft = LOOKS_AT_LEAST;
    this.#wanted = true;
    this.#looking ??= this.#lookWhileWanted();
  }

  async #lookWhileWanted(): Promise<void> {
    while (this.#wanted) {
      this.#wanted = false;
      await this.#tried(() => this.#parts.look());
    }
    this.#looking = undefined;
  }

  /** The database may be away: the next look finds what this one has not. */
  async #tried(work: () => void | Promise<void>): Promise<void> {
    try {
      const may = this.#parts.mayHandOn();
      if (may !== true && !(await may)) return;
      await work();
      this.#hasFailed = false;
    } catch (error) {
      if (!this.#hasFailed) this.#parts.logger.error({ err: error }, "what other nodes wrote could not be read yet");
      this.#hasFailed = true;
    }
  }
}
