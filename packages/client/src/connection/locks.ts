import { after } from "../lib/timers.ts";

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

type Kind = "ask" | "held" | "free";

/** `at`: since when it is held. */
interface Message {
  readonly kind: Kind;
  readonly name: string;
  readonly at: number;
}

interface Held {
  readonly at: number;
  readonly lose: () => void;
}

/** How long a tab that has a lock may take to say so; one that is hung does not keep it. */
const ANSWER_MS = 200;

/**
 * Locks for pages to which the browser gives none. A tab that wants one asks, and takes it when no other tab says that it has it. Two that
 * ask at the same moment may both take it: of two, the one that took it later keeps it. So this is for what costs little where
 * two have it for a moment.
 */
export class ChannelLocks implements Locks {
  readonly #parts: {
    readonly now: () => number;
    readonly random: () => number;
    readonly onLeave: (run: () => void) => () => void;
  };
  readonly #held = new Map<string, Held>();
  /** Since when other tabs have had it, by the last word of one of them: a thief is later, whatever the clock says. */
  readonly #others = new Map<string, number>();
  readonly #hearing = new Set<(message: Message) => void>();
  #channel: BroadcastChannel | undefined;
  #stopListening = () => {};
  /** Requests that are not over. */
  #uses = 0;

  /** @param parts.onLeave calls `run` when the page goes away */
  constructor(parts: { now: () => number; random: () => number; onLeave: (run: () => void) => () => void }) {
    this.#parts = parts;
  }

  async request(...[name, { ifAvailable, steal, signal }, granted]: Parameters<Locks["request"]>): Promise<void> {
    this.#open();
    try {
      while (!steal && (await this.#isHeld(name, signal))) {
        if (ifAvailable) return await granted(null);
        await this.#hears("free", name, { signal });
        signal?.throwIfAborted();
      }
      signal?.throwIfAborted();
      await this.#hold(name, granted);
    } finally {
      this.#close();
    }
  }

  #hold(name: string, granted: Parameters<Locks["request"]>[2]): Promise<void> {
    return new Promise((resolve, reject) => {
      const { now, random } = this.#parts;
      const lose = () => reject(new DOMException("Another tab has the lock", "AbortError"));
      const own: Held = { at: Math.max(now(), (this.#others.get(name) ?? 0) + 1) + random(), lose };
      this.#held.get(name)?.lose();
      this.#held.set(name, own);
      this.#post({ kind: "held", name, at: own.at });
      void Promise.resolve(granted({ name })).then(() => {
        if (this.#held.get(name) === own) this.#free(name);
        resolve();
      });
    });
  }

  /** What comes together does not end together, so one of many that ask takes it before the others do. */
  #isHeld(name: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (this.#held.has(name)) return Promise.resolve(true);
    this.#post({ kind: "ask", name, at: 0 });
    return this.#hears("held", name, { ms: ANSWER_MS * (1 + this.#parts.random()), signal });
  }

  /** Whether such a message comes: within so many milliseconds where that is said, and before the signal fires. */
  #hears(kind: Kind, name: string, until: { ms?: number; signal: AbortSignal | undefined }): Promise<boolean> {
    return new Promise((resolve) => {
      const end = (is: boolean) => {
        cancel();
        this.#hearing.delete(hear);
        until.signal?.removeEventListener("abort", stop);
        resolve(is);
      };
      const hear = (message: Message) => {
        if (message.kind === kind && message.name === name) end(true);
      };
      const stop = () => end(false);
      const cancel = until.ms === undefined ? () => {} : after(until.ms, stop);
      if (until.signal?.aborted) return stop();
      this.#hearing.add(hear);
      until.signal?.addEventListener("abort", stop, { once: true });
    });
  }

  #free(name: string): void {
    this.#held.delete(name);
    const message: Message = { kind: "free", name, at: 0 };
    this.#post(message);
    this.#hear(message);
  }

  #post(message: Message): void {
    this.#channel?.postMessage(message);
  }

  #hear(message: Message): void {
    for (const hear of [...this.#hearing]) hear(message);
  }

  #receive(message: Message): void {
    const { kind, name, at } = message;
    if (kind === "held") this.#others.set(name, at);
    const own = this.#held.get(name);
    if (own && (kind === "ask" || (kind === "held" && at < own.at))) this.#post({ kind: "held", name, at: own.at });
    if (own && kind === "held" && at > own.at) {
      this.#held.delete(name);
      own.lose();
    }
    this.#hear(message);
  }

  #open(): void {
    this.#uses += 1;
    if (this.#channel) return;
    this.#channel = new BroadcastChannel("parley:locks");
    this.#channel.onmessage = ({ data }: MessageEvent<Message>) => this.#receive(data);
    this.#stopListening = this.#parts.onLeave(() => {
      for (const [name, { lose }] of [...this.#held]) {
        this.#free(name);
        lose();
      }
    });
  }

  #close(): void {
    this.#uses -= 1;
    if (this.#uses > 0) return;
    this.#channel?.close();
    this.#channel = undefined;
    this.#stopListening();
  }
}
