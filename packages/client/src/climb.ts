import type { Attempt } from "./attempt.ts";
import type { Ladder } from "./ladder.ts";
import { after, type Cancel, type Timing } from "./timing.ts";
import type { Start } from "./transports/transport.ts";
import { tries } from "./try-transport.ts";

export interface ClimbParts {
  readonly ladder: Ladder;
  readonly timing: Timing;
  /** What a connection is opened with now. */
  readonly start: () => Promise<Pick<Start, "token" | "idleSeconds">>;
  /** The connection in use. */
  readonly current: () => Attempt | undefined;
}

/** The way back to a better transport: it is tried beside the one in use, which goes on until the better one has shown READY. */
export class Climb {
  readonly #parts: ClimbParts;
  #underWay = false;

  constructor(parts: ClimbParts) {
    this.#parts = parts;
  }

  get underWay(): boolean {
    return this.#underWay;
  }

  /** Tries from time to time while this connection lasts. */
  watch(attempt: Attempt): void {
    const { ladder, timing } = this.#parts;
    if (ladder.isTop || attempt.transport.name === "tab") return;
    let cancel: Cancel = () => {};
    let over = false;
    const later = () => {
      if (!over) cancel = after(timing.climbMs, () => void this.now().then(later));
    };
    void attempt.done.then(() => {
      over = true;
      cancel();
    });
    later();
  }

  /** Never rejects. */
  async now(): Promise<void> {
    const { ladder, timing, current, start } = this.#parts;
    const attempt = current();
    if (this.#underWay || ladder.isTop || !attempt?.isReady || attempt.transport.name === "tab") return;
    this.#underWay = true;
    try {
      const opening = { ...(await start()), max: undefined };
      for (const transport of ladder.better) {
        if (!(await tries(transport, { start: opening, timing }))) continue;
        ladder.climbTo(transport);
        // Another one than before, where the new connection has pushed the old one out.
        return current()?.end({ kind: "left" });
      }
    } catch {
      // No token now; the next time asks again.
    } finally {
      this.#underWay = false;
    }
  }
}
