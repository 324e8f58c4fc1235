import type { Client } from "@parley/client";
import { LIMITS, type User } from "@parley/protocol";

/** Names by uid. Unknown ones are asked for, many at once, and `changed` is called when they are there. */
export class People {
  readonly #client: Client;
  readonly #changed: () => void;
  readonly #names = new Map<number, string>();
  readonly #asked = new Set<number>();
  #waiting: number[] = [];

  constructor(client: Client, changed: () => void) {
    this.#client = client;
    this.#changed = changed;
  }

  /** Undefined while it is not known; call again after `changed`. */
  nameOf(uid: number): string | undefined {
    const name = this.#names.get(uid);
    if (name === undefined && !this.#asked.has(uid)) this.#ask(uid);
    return name;
  }

  learn({ uid, name }: Pick<User, "uid" | "name">): void {
    this.#names.set(uid, name);
    this.#changed();
  }

  #ask(uid: number): void {
    this.#asked.add(uid);
    this.#waiting.push(uid);
    if (this.#waiting.length === 1) queueMicrotask(() => this.#askWaiting());
  }

  #askWaiting(): void {
    const uids = this.#waiting;
    this.#waiting = [];
    for (let at = 0; at < uids.length; at += LIMITS.pageMax) void this.#read(uids.slice(at, at + LIMITS.pageMax));
  }

  async #read(uids: readonly number[]): Promise<void> {
    try {
      const { items } = await this.#client.request("GET /users", { query: { ids: uids.join(",") } });
      for (const { uid, name } of items) this.#names.set(uid, name);
      this.#changed();
    } catch {
      // Asked for again the next time somebody wants to see them.
      for (const uid of uids) this.#asked.delete(uid);
    }
  }
}
