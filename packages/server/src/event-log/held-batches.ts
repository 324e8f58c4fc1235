import type { LoggedEvent } from "../db/transaction.ts";

/** What batches may hold while one before them is missing: more is read from the log, which has it all. */
const MOST_EVENTS = 5000;
const MOST_CHARACTERS = 8 * 1_048_576;

/** Batches that came before their turn, since one that was written before them is still on its way. Bounded. */
export class HeldBatches {
  /** In the order of their first event. */
  readonly #batches: (readonly LoggedEvent[])[] = [];
  #events = 0;
  #characters = 0;

  /** @param batch in the order of position, without a hole @returns false: there is no room */
  add(batch: readonly LoggedEvent[]): boolean {
    const characters = charactersOf(batch);
    if (this.#events + batch.length > MOST_EVENTS || this.#characters + characters > MOST_CHARACTERS) return false;
    this.#events += batch.length;
    this.#characters += characters;
    let place = this.#batches.length;
    while (place > 0 && firstOf(this.#batches[place - 1]) > firstOf(batch)) place -= 1;
    this.#batches.splice(place, 0, batch);
    return true;
  }

  /** The batch that continues after a position; those that lie before it are dropped. */
  takeAfter(position: number): readonly LoggedEvent[] | undefined {
    for (;;) {
      const batch = this.#batches[0];
      if (!batch || firstOf(batch) > position + 1) return undefined;
      this.#batches.shift();
      this.#events -= batch.length;
      this.#characters -= charactersOf(batch);
      if ((batch.at(-1)?.pos ?? 0) > position) return batch;
    }
  }
}

function firstOf(batch: readonly LoggedEvent[] | undefined): number {
  return batch?.[0]?.pos ?? 0;
}

function charactersOf(batch: readonly LoggedEvent[]): number {
  return batch.reduce((sum, { data }) => sum + data.length, 0);
}
