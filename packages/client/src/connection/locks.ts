import { pause } from "../lib/timers.ts";

/** What is used of the browsers' locks: at most one tab at a time has a lock of one name. */
export interface Locks {
  /**
   * `granted` is called with the lock, or with null where it is taken and `ifAvailable` was asked for. It is held until what `granted`
   * returns resolves. Rejects with an AbortError when another tab has stolen it, or when the signal fires while it is waited for.
   */
  request(
    name: string,
    how: { readonly ifAvailable?: boolean; readonly steal?: boolean; readonly signal?: AbortSignal },
    granted: (lock: object | null) => Promise<void> | undefined,
  ): Promise<void>;
}

/** The browser's own, which it has for pages in a secure context; else tabs agree by messages. Undefined where they cannot. */
export function locksOf(parts: ConstructorParameters<typeof ChannelLocks>[0]): Locks | undefined {
  if (typeof BroadcastChannel !== "function" || typeof navigator === "undefined") return undefined;
  return (navigator.locks as Locks | undefined) ?? new ChannelLocks(parts);
}

/** `ask`: whether another tab has it. `held`: one has, since then. */
interface Message {
  readonly kind: "ask" | "held";
  readonly name: string;
  readonly at: number;
}

interface Held {
  readonly at: number;
  readonly lose: () => void;
}

/** How long a tab that has a lock may take to say so; one that is hung, or has gone, does not keep it. */
const ANSWER_MS = 200;
/** After which a tab that waits for a lock asks again. */
const AGAIN_MS = 1_000;

/**
 * Locks for pages to which the browser gives none. A tab that wants one asks, and takes it when no other tab says that it has it. Two that
 * ask at the same moment may both take it: of two, the one that took it later keeps it. So this is for what costs little where
 * two have it for a moment.
 */
export class ChannelLocks implements Locks {
  readonly #parts: { readonly now: () => number; readonly random: () => number };
  readonly #held = new Map<string, Held>();
  /** Locks of which another tab has said so, and since when it has them. */
  readonly #others = new Map<string, number>();
  #channel: BroadcastChannel | undefined;
  /** Requests that are not over. */
  #uses = 0;

  constructor(parts: { now: () => number; random: () => number }) {
    this.#parts = parts;
  }

  async request(...[name, how, granted]: Parameters<Locks["request"]>): Promise<void> {
    const { signal = new AbortController().signal } = how;
    this.#uses += 1;
    this.#channel ??= this.#open();
    try {
      while (!how.steal && (await this.#isHeld(name, signal))) {
        if (how.ifAvailable) return await granted(null);
        await pause(AGAIN_MS, signal);
        signal.throwIfAborted();
      }
      signal.throwIfAborted();
      await this.#hold(name, granted);
    } finally {
      this.#uses -= 1;
      if (this.#uses === 0) {
        this.#channel.close();
        this.#channel = undefined;
      }
    }
  }

  #hold(name: string, granted: Parameters<Locks["request"]>[2]): Promise<void> {
    return new Promise((resolve, reject) => {
      const { now, random } = this.#parts;
      const lose = () => reject(new DOMException("", "AbortError"));
      // A thief is later than the tab that had it, whatever the clock says.
      const own: Held = { at: Math.max(now(), (this.#others.get(name) ?? 0) + 1) + random(), lose };
      this.#held.set(name, own);
      this.#post("held", name, own.at);
      void Promise.resolve(granted({ name })).then(() => {
        if (this.#held.get(name) === own) this.#held.delete(name);
        resolve();
      });
    });
  }

  /** Those that ask together do not take it together: one of them is the first, and says so to the others. */
  async #isHeld(name: string, signal: AbortSignal): Promise<boolean> {
    if (this.#held.has(name)) return true;
    this.#others.delete(name);
    this.#post("ask", name, 0);
    await pause(ANSWER_MS * (1 + this.#parts.random()), signal);
    return this.#others.has(name);
  }

  #post(kind: Message["kind"], name: string, at: number): void {
    this.#channel?.postMessage({ kind, name, at } satisfies Message);
  }

  #open(): BroadcastChannel {
    const channel = new BroadcastChannel("parley:locks");
    channel.onmessage = ({ data: { kind, name, at } }: MessageEvent<Message>) => {
      const own = this.#held.get(name);
      if (kind === "held") this.#others.set(name, at);
      if (!own) return;
      // A tab that has lost it is told so at the next question, too.
      if (at < own.at) return this.#post("held", name, own.at);
      this.#held.delete(name);
      own.lose();
    };
    return channel;
  }
}
