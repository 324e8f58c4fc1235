import type { Notices } from "./notices.ts";
import type { View } from "./view.ts";

/** Listeners by what they listen to. */
export class Topics<K> {
  readonly #notices: Notices;
  readonly #onUse: (key: K) => void;
  readonly #listeners = new Map<K, Set<() => void>>();

  /** @param onUse called when something gets its first listener */
  constructor(notices: Notices, onUse: (key: K) => void = () => {}) {
    this.#notices = notices;
    this.#onUse = onUse;
  }

  view<T>(key: K, getSnapshot: () => T): View<T> {
    return { subscribe: (listener) => this.#subscribe(key, listener), getSnapshot };
  }

  isUsed(key: K): boolean {
    return this.#listeners.has(key);
  }

  /** The keys that have listeners. */
  get used(): K[] {
    return [...this.#listeners.keys()];
  }

  tell(key: K): void {
    this.#notices.tell(this.#listeners.get(key) ?? []);
  }

  #subscribe(key: K, listener: () => void): () => void {
    const listeners = this.#listeners.get(key) ?? new Set();
    const isFirst = listeners.size === 0;
    this.#listeners.set(key, listeners);
    // The same function may be added twice. Each addition ends separately, even between a change and the call that tells of it.
    let isOn = true;
    const own = () => {
      if (isOn) listener();
    };
    listeners.add(own);
    if (isFirst) this.#notices.run(() => this.#onUse(key));
    return () => {
      isOn = false;
      listeners.delete(own);
      if (listeners.size === 0 && this.#listeners.get(key) === listeners) this.#listeners.delete(key);
    };
  }
}
