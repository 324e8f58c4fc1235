import type { Sighting } from "./check-presence.ts";
import { monotonicMs } from "./monotonic-clock.ts";
import { askOnce, type Person } from "./people.ts";

const LOOK_MS = 700;
/** A server that does not answer is asked again at the next look. */
const ANSWER_MS = 3_000;
/** When all clients have ended, nobody is online after this time. */
const EMPTY_MS = 60_000;

interface SightingsParts {
  readonly ports: readonly number[];
  /** Somebody who shares rooms with all of them, and is not one of them. */
  readonly observer: Person;
  readonly uids: readonly number[];
}

/** Asks each of several servers all the time who is online, and writes down what it says. */
export class Sightings {
  readonly #parts: SightingsParts;
  readonly all: Sighting[] = [];
  #over = false;

  constructor(parts: SightingsParts) {
    this.#parts = parts;
  }

  /** Resolves after `end`. */
  async run(): Promise<void> {
    await Promise.all(
      this.#parts.ports.map(async (_, node) => {
        while (!this.#over) {
          const sighting = await this.#ask(node);
          if (sighting) this.all.push(sighting);
          await Bun.sleep(LOOK_MS);
        }
      }),
    );
  }

  end(): void {
    this.#over = true;
  }

  /** Waits until every server says that nobody is online. @returns how long that took; undefined if it did not come to that in time */
  async untilEmpty(): Promise<number | undefined> {
    const begunAt = performance.now();
    for (const node of this.#parts.ports.keys()) {
      for (;;) {
        const sighting = await this.#ask(node);
        if (sighting?.online.length === 0) break;
        if (performance.now() - begunAt > EMPTY_MS) return undefined;
        await Bun.sleep(LOOK_MS / 2);
      }
    }
    return performance.now() - begunAt;
  }

  async #ask(node: number): Promise<Sighting | undefined> {
    const { ports, observer, uids } = this.#parts;
    const path = `/presence?userIds=${uids.join(",")}`;
    const askedAt = monotonicMs();
    const request = { by: observer, method: "GET", path, withinMs: ANSWER_MS };
    const { status, body } = await askOnce(`http://127.0.0.1:${ports[node]}`, request);
    if (status !== 200) return undefined;
    const items = body.items as readonly { readonly uid: number; readonly activeStatus: number }[];
    const online = items.flatMap(({ uid, activeStatus }) => (activeStatus === 1 ? [uid] : []));
    return { node, askedAt, answeredAt: monotonicMs(), online };
  }
}
