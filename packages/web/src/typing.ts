import type { Client } from "@parley/client";

/** How long after their last signal somebody counts as typing: two signals may get lost. */
const LASTS_MS = 7_000;

/** The people who are typing, by room. */
export class Typing {
  readonly #changed: () => void;
  readonly #until = new Map<number, Map<number, number>>();
  readonly #ends: (() => void)[];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(client: Client, changed: () => void) {
    this.#changed = changed;
    this.#ends = [
      client.on("typing", ({ roomId, uid }) => this.#typed(roomId, uid)),
      // With their message they have stopped.
      client.on("message", ({ fromUser, message }) => void this.#until.get(message.roomId)?.delete(fromUser.uid)),
    ];
  }

  /** Their uids. */
  in(roomId: number): number[] {
    const now = performance.now();
    return [...(this.#until.get(roomId) ?? [])].filter(([, until]) => until > now).map(([uid]) => uid);
  }

  stop(): void {
    for (const end of this.#ends) end();
    clearTimeout(this.#timer);
  }

  #typed(roomId: number, uid: number): void {
    const people = this.#until.get(roomId) ?? new Map<number, number>();
    this.#until.set(roomId, people.set(uid, performance.now() + LASTS_MS));
    this.#changed();
    clearTimeout(this.#timer);
    // One check after the last signal is enough; earlier ones are checked at every drawing.
    this.#timer = setTimeout(() => {
      this.#until.clear();
      this.#changed();
    }, LASTS_MS);
  }
}
