/**
 * Tabs of one browser that use the same token share one connection. The tab that holds a lock of the browser leads: it has the
 * connection, and passes on what comes. When it goes, the browser gives the lock to the next tab. Each tab keeps its own cursor,
 * so nothing depends on what another one remembers: a tab that joins, misses a message or sees a new leader asks the server
 * once for what came since its cursor, and drops what it already has. A tab that joins with a cursor first asks what came since
 * the leader's cursor: those events may still be on their way from the leader, and are known by their seq when they come. Where
 * the browser lacks channels, or refuses its locks (a page in a sandbox), each tab has its own connection.
 */

import type { Http } from "../api/http.ts";
import type { Surroundings } from "../lib/surroundings.ts";
import type { Timing } from "../lib/timing.ts";
import type { WholePresence } from "../reading/presence.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { ClientState } from "./client-state.ts";
import type { Locks } from "./locks.ts";
import { TabTransport } from "./transports/tab.ts";
import type { Return, TabMessage } from "./transports/tab-message.ts";
import type { Transport } from "./transports/transport.ts";

export interface TabsEvents {
  /** This tab is to have the connection from now on, or no longer. */
  changed(): void;
  /** The network, the person or the server is back, as another tab has seen. */
  returned(what: Return): void;
  /** Another tab wants to send a frame. */
  send(type: number, data: object | undefined): void;
  /** What the connection of another tab is doing. */
  told(state: ClientState): void;
  /** Which people are online, as this tab knows it. */
  presence(): WholePresence;
  /** The same, as the tab with the connection knows it. */
  toldPresence(whole: WholePresence): void;
  /** What this tab is doing, and, while it is live, what it has. */
  stand(): { readonly state: ClientState; readonly cursor: string | undefined };
}

export interface TabsParts {
  readonly url: string;
  readonly http: Http;
  readonly timing: Timing;
  readonly surroundings: Pick<Surroundings, "now" | "isVisible">;
  readonly locks: Locks;
}

export class Tabs {
  readonly #parts: TabsParts;
  #on: TabsEvents | undefined;
  /** The token of the connection that is shared, and when it is known which tab has it. */
  #joined: { readonly person: string; done: Promise<void> } | undefined;
  /** The browser has refused to let tabs share. */
  #refused = false;
  #channel: BroadcastChannel | undefined;
  #byTab: TabTransport | undefined;
  /** Gives the lock back, or stops waiting for it. */
  #leave: () => void = () => {};
  #leads = false;
  /** The number of the last message of the one connection, whichever tab passed it on. */
  #count = 0;

  constructor(parts: TabsParts) {
    this.#parts = parts;
  }

  /** What this tab reads by while another one has the connection. */
  get follows(): Transport | undefined {
    return this.#leads ? undefined : this.#byTab;
  }

  start(on: TabsEvents): void {
    this.#on = on;
  }

  stop(): void {
    this.#on = undefined;
    this.#quit();
  }

  /** Resolves when it is known which tab has the connection of this token; never rejects. */
  join(token: string): Promise<void> {
    if (this.#refused || !this.#on) return Promise.resolve();
    const person = personOf(token);
    if (this.#joined?.person === person) return this.#joined.done;
    this.#quit();
    const joined = { person, done: Promise.resolve() };
    this.#joined = joined;
    joined.done = this.#enter(person, () => this.#joined === joined).catch(() => this.#alone());
    return joined.done;
  }

  async #enter(person: string, isWanted: () => boolean): Promise<void> {
    const { url, http, timing, surroundings } = this.#parts;
    const name = `parley:${await hash(`${url} ${person}`)}`;
    if (!isWanted()) return;
    const channel = new BroadcastChannel(name);
    this.#channel = channel;
    this.#byTab = new TabTransport(http, timing, {
      now: surroundings.now,
      isVisible: surroundings.isVisible,
      post: (message) => channel.postMessage(message),
      count: (count) => {
        this.#count = count;
      },
      steal: () => this.#queue(name, { steal: true }),
    });
    channel.onmessage = ({ data }: MessageEvent<TabMessage>) => this.#receive(data);
    await this.#queue(name, { ifAvailable: true });
    if (this.#leads || this.#channel !== channel) return;
    void this.#queue(name, {});
    if (surroundings.isVisible()) this.back("focus");
  }

  /** Where no tab can have the lock there is none to follow. */
  #alone(): void {
    this.#refused = true;
    this.#quit();
    this.#on?.changed();
  }

  /** To the other tabs, before this one looks at it. Only what comes live: what came before was asked for by this tab's cursor. */
  share(frames: readonly PushFrame[], cursor: string | undefined): void {
    this.#count += 1;
    this.#post({ kind: "frames", count: this.#count, frames, cursor });
  }

  /** What this tab's connection is doing; that it is live means that the others look for what they missed. */
  tell(state: ClientState): void {
    if (!this.#leads || ("transport" in state && state.transport === "tab")) return;
    if (state.kind === "live") this.#post({ kind: "live", count: this.#count });
    else this.#post({ kind: "state", state });
  }

  /** To the other tabs, when a connection has told everything. */
  sharePresence(presence: WholePresence): void {
    if (this.#leads) this.#post({ kind: "presence", presence });
  }

  back(what: Return): void {
    if (!this.#leads) this.#post({ kind: "back", what });
  }

  #post(message: TabMessage): void {
    this.#channel?.postMessage(message);
  }

  #receive(message: TabMessage): void {
    if (!this.#leads) {
      if (message.kind === "state") this.#on?.told(message.state);
      if (message.kind === "presence") this.#on?.toldPresence(message.presence);
      return this.#byTab?.message(message);
    }
    if (message.kind === "back") this.#on?.returned(message.what);
    if (message.kind === "send") this.#on?.send(message.type, message.data);
    if (message.kind === "ping") this.#post({ kind: "pong" });
    if (message.kind !== "hello") return;
    const { cursor, state } = this.#on?.stand() ?? {};
    if (cursor !== undefined) {
      this.#post({ kind: "welcome", count: this.#count, cursor });
      this.sharePresence(this.#on?.presence() as WholePresence);
      return;
    }
    // This tab answers them all when it is live again; until then they show what it does.
    this.#post(!state || state.kind === "live" ? { kind: "pong" } : { kind: "state", state });
  }

  /** Resolves when the lock was got, or not; with neither option it waits for it in the background. */
  #queue(name: string, how: { ifAvailable?: true; steal?: true }): Promise<void> {
    const abort = new AbortController();
    return new Promise((resolve) => {
      const held = new Promise<void>((release) => {
        const before = this.#leave;
        this.#leave = () => {
          before();
          abort.abort();
          release();
        };
      });
      const granted = (lock: object | null): Promise<void> | undefined => {
        // A lock that was asked for before a stop may come behind the next start.
        const isMine = lock !== null && !abort.signal.aborted;
        if (isMine) {
          this.#leads = true;
          // At the first election nothing has been opened yet.
          if (!how.ifAvailable) this.#on?.changed();
        }
        resolve();
        return isMine ? held : undefined;
      };
      const options = how.ifAvailable || how.steal ? how : { signal: abort.signal };
      this.#parts.locks.request(name, options, granted).catch((error: Error) => {
        // Given up, or taken away by a tab that heard nothing of this one for long.
        if (error.name !== "AbortError" && !abort.signal.aborted) this.#alone();
        resolve();
        if (!this.#leads || abort.signal.aborted) return;
        this.#leads = false;
        this.#on?.changed();
        void this.#queue(name, {});
      });
    });
  }

  #quit(): void {
    this.#leave();
    this.#leave = () => {};
    this.#channel?.close();
    this.#channel = undefined;
    this.#byTab = undefined;
    this.#leads = false;
    this.#joined = undefined;
  }
}

/**
 * What tabs have in common that share a connection: the token, or, of one of the product's own tokens (RFC 7519), what the next one
 * says too. Nothing is believed of it: the server reads each tab's token.
 */
function personOf(token: string): string {
  try {
    const payload = token.split(".")[1] as string;
    const { exp, iat, nbf, jti, ...person } = JSON.parse(atob(payload.replace(/-/g, "+").replace(/_/g, "/")));
    return JSON.stringify(person);
  } catch {
    return token;
  }
}

/**
 * So that neither a lock's nor a channel's name tells the token. Browsers keep this for secure contexts; elsewhere there are no locks with
 * names, and only scripts of the same page, which could read the token anyway, see a channel's.
 */
async function hash(text: string): Promise<string> {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", new TextEncoder().encode(text));
  if (!digest) return text;
  return Array.from(new Uint8Array(digest, 0, 16), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
