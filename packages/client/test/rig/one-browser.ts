import { withDeadline } from "../../../server/src/lib/interval.ts";
import type { TabMessage } from "../../src/connection/transports/tab-message.ts";

type How = { ifAvailable?: true; steal?: true; signal?: AbortSignal };
type Granted = (lock: object | null) => Promise<void> | undefined;

interface Named {
  holder: { readonly lost: (error: Error) => void } | undefined;
  readonly queue: (() => void)[];
}

/** The locks of one browser, whose tabs are the clients of this process: Bun has channels, but no locks. */
export class OneBrowser {
  readonly #locks = new Map<string, Named>();

  /** How many locks are held. */
  get held(): number {
    return [...this.#locks.values()].filter(({ holder }) => holder !== undefined).length;
  }

  /** The number of requests for a lock, and what they wait for before they are looked at. */
  asked = 0;
  gate: Promise<void> = Promise.resolve();
  /** Every request is refused with this. */
  refusal: DOMException | undefined;
  /** How many channels were opened and not closed. */
  channels = 0;

  /** @returns the function that ends it */
  install(): () => void {
    const browser = this;
    const original = globalThis.BroadcastChannel;
    Object.defineProperty(navigator, "locks", { value: this, configurable: true });
    globalThis.BroadcastChannel = class extends original {
      #isOpen = true;
      constructor(name: string) {
        super(name);
        browser.channels += 1;
      }
      override close(): void {
        super.close();
        if (this.#isOpen) browser.channels -= 1;
        this.#isOpen = false;
      }
    };
    return () => {
      globalThis.BroadcastChannel = original;
      Reflect.deleteProperty(navigator, "locks");
    };
  }

  async request(name: string, { ifAvailable, steal, signal }: How, granted: Granted): Promise<void> {
    const named = this.#locks.get(name) ?? { holder: undefined, queue: [] };
    this.#locks.set(name, named);
    this.asked += 1;
    if (this.refusal) throw this.refusal;
    await this.gate;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const take = () => {
      const holder = { lost: reject };
      named.holder = holder;
      void Promise.resolve(granted({ name })).then(() => {
        resolve();
        if (named.holder !== holder) return;
        named.holder = undefined;
        named.queue.shift()?.();
      });
    };
    if (steal) {
      named.holder?.lost(new DOMException("stolen", "AbortError"));
      take();
    } else if (!named.holder) take();
    else if (ifAvailable) {
      await granted(null);
      return;
    } else {
      named.queue.push(take);
      signal?.addEventListener("abort", () => {
        const at = named.queue.indexOf(take);
        if (at >= 0) named.queue.splice(at, 1);
        reject(new DOMException("given up", "AbortError"));
      });
    }
    return promise;
  }
}

/** A tab without a client, which holds the lock and says what a test lets it say. */
export class HeldTab {
  readonly heard: TabMessage[] = [];
  readonly #channel: BroadcastChannel;
  readonly #waiting = new Set<() => void>();
  /** What it says to anybody who asks who has the connection. */
  answer: TabMessage | undefined;
  #release: () => void = () => {};

  private constructor(name: string) {
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }) => {
      this.heard.push(data);
      if (data.kind === "hello" && this.answer) this.say(this.answer);
      if (data.kind === "ping" && this.answer) this.say({ kind: "pong" });
      for (const look of [...this.#waiting]) look();
    };
  }

  /** A tab without the lock: it hears what the tabs of this login tell each other. */
  static listen(of: { url: string; token: string }): HeldTab {
    return new HeldTab(nameOf(of));
  }

  /** @param how `steal` takes the lock from the tab that holds it */
  static async hold(
    browser: OneBrowser,
    of: { url: string; token: string },
    how: { steal?: true } = {},
  ): Promise<HeldTab> {
    const name = nameOf(of);
    const tab = new HeldTab(name);
    await new Promise<void>((held) => {
      const granted = () => {
        held();
        return new Promise<void>((release) => {
          tab.#release = release;
        });
      };
      // The lock may be taken away, which rejects.
      browser.request(name, how, granted).catch(() => {});
    });
    return tab;
  }

  say(message: TabMessage): void {
    this.#channel.postMessage(message);
  }

  async hears(kind: TabMessage["kind"], times: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const look = () => {
      if (this.heard.filter((message) => message.kind === kind).length >= times) resolve();
    };
    this.#waiting.add(look);
    look();
    await withDeadline(promise, 10_000, `${times} times ${kind}`).finally(() => this.#waiting.delete(look));
  }

  close(): void {
    this.#channel.close();
    this.#release();
  }
}

/** The name of the lock and of the channel of one login. */
function nameOf({ url, token }: { url: string; token: string }): string {
  const digest = new Bun.CryptoHasher("sha256").update(`${url} ${token}`).digest("hex");
  return `parley:${digest.slice(0, 32)}`;
}
