import { after, type Cancel } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { Attempt } from "./attempt.ts";
import type { Ladder } from "./ladder.ts";
import type { Start } from "./transports/transport.ts";
import { tries } from "./try-transport.ts";

export type Opening = Pick<Start, "token" | "idleSeconds">;

export interface ClimbParts {
  readonly ladder: Ladder;
  readonly timing: Timing;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Who climbs; undefined: the client is stopped. */
  readonly current: () => Climber | undefined;
}

export interface Climber {
  readonly signal: AbortSignal;
  /** The connection in use. */
  readonly attempt: Attempt | undefined;
  /** What a connection is opened with now; undefined: it has been stopped. */
  opening(): Promise<Opening | undefined>;
}

/** The way back to a better transport: it is tried beside the one in use, which goes on until the better one has shown READY. */
export class Climb {
  readonly #parts: ClimbParts;
  #underWay = false;
  /** When to try again, over all connections: where they are cut again and again none may last for long enough. */
  #dueAt: number | undefined;

  constructor(parts: ClimbParts) {
    this.#parts = parts;
  }

  get underWay(): boolean {
    return this.#underWay;
  }

  /** Tries from time to time while this connection lasts. */
  watch(attempt: Attempt): void {
    const { ladder, timing, now } = this.#parts;
    if (attempt.transport.name === "tab") return;
    let cancel: Cancel = () => {};
    let over = false;
    const later = () => {
      if (ladder.isTop) this.#dueAt = undefined;
      if (over || ladder.isTop) return;
      // A clock that was set back puts nothing off.
      this.#dueAt = Math.min(this.#dueAt ?? Number.POSITIVE_INFINITY, now() + timing.climbMs);
      cancel = after(Math.max(0, this.#dueAt - now()), () => {
        this.#dueAt = undefined;
        void this.now().then(later);
      });
    };
    void attempt.done.then(() => {
      over = true;
      cancel();
    });
    later();
  }

  /** Never rejects. */
  async now(): Promise<void> {
    const { ladder, timing, current } = this.#parts;
    const climber = current();
    const attempt = climber?.attempt;
    if (this.#underWay || ladder.isTop || !climber || !attempt?.isReady || attempt.transport.name === "tab") return;
    this.#underWay = true;
    try {
      const opening = await climber.opening();
      if (!opening) return;
      const { signal } = climber;
      for (const transport of ladder.better) {
        if (!(await tries(transport, { start: { ...opening, max: undefined }, timing, signal }))) continue;
        if (signal.aborted) return;
        ladder.climbTo(transport);
        // Another one than before, where the new connection has pushed the old one out.
        return climber.attempt?.end({ kind: "left" });
      }
    } catch {
      // No token now; the next time asks again.
    } finally {
      this.#underWay = false;
    }
  }
}
