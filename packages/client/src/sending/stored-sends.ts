import type { Sending } from "./sending.ts";

/** The part of `localStorage`, and of similar objects, that is used here. */
export interface StorageArea {
  readonly length: number;
  key(index: number): string | null;
  getItem(key: string): string | null;
  setItem(key: string, value: string): void;
  removeItem(key: string): void;
}

/**
 * Keeps waiting messages across a reload of the page. Each has its own entry, so that tabs do not overwrite each other's
 * entries. Two tabs may both send what an earlier page left; the `clientId` makes that one message.
 */
export class StoredSends {
  readonly #area: StorageArea;
  readonly #prefix: string;
  /** Rises across reloads, even when the clock was set back, so that entries are sent in the order in which they were made. */
  #last = 0;

  /** @param owner the person whose messages these are: nobody else's are sent */
  constructor(area: StorageArea, owner: string) {
    this.#area = area;
    this.#prefix = `parley.send.${owner}.`;
    this.all();
  }

  all(): Sending[] {
    const found: { at: number; sending: Sending }[] = [];
    for (let index = 0; index < this.#area.length; index++) {
      const key = this.#area.key(index);
      if (!key?.startsWith(this.#prefix)) continue;
      try {
        const { at, roomId, request, uid } = JSON.parse(this.#area.getItem(key) ?? "");
        // Another owner's name may begin like this one.
        if (key !== this.#prefix + request.clientId || !Number.isFinite(at)) continue;
        this.#last = Math.max(this.#last, at);
        found.push({ at, sending: { roomId, request, author: { uid, token: undefined } } });
      } catch {
        // Somebody else's.
      }
    }
    found.sort((a, b) => a.at - b.at);
    return found.map(({ sending }) => sending);
  }

  /** A full storage keeps nothing; the message is sent all the same. */
  add({ roomId, request, author: { uid } }: Sending): void {
    this.#last = Math.max(this.#last + 1, Date.now());
    try {
      this.#area.setItem(this.#prefix + request.clientId, JSON.stringify({ at: this.#last, roomId, request, uid }));
    } catch {}
  }

  /** An entry that cannot be removed is sent again after a reload; by its `clientId` it is the same message. */
  remove({ request }: Pick<Sending, "request">): void {
    try {
      this.#area.removeItem(this.#prefix + request.clientId);
    } catch {}
  }
}
