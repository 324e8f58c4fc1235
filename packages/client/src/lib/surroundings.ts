/*
 * lib/: what the client takes from the platform that it runs on, and what every other folder needs: the clock, chance, timers,
 * how long to wait for what. Only this folder touches the platform's timers and the events of a page, so that a test can put
 * others in their place. It imports nothing of ours.
 */

export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/** What is used of the browsers' interface; Node 22, Bun and the package `ws` have it too. */
export type WebSocketClass = new (
  url: string,
  protocols: string[],
) => {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: { data: unknown } & never) => void) | null;
  onerror: ((event: never) => void) | null;
  onclose: ((event: { code: number; reason: string } & never) => void) | null;
  readonly readyState: number;
  send(text: string): void;
  close(): void;
};

/** What the platform has, and what it tells. */
export interface Surroundings {
  /** Epoch milliseconds. */
  now(): number;
  /** Between 0 and 1. */
  random(): number;
  readonly fetch: Fetch;
  /** Undefined on Node 20 and older. */
  readonly WebSocket: WebSocketClass | undefined;
  /** A page that a person can look at. */
  readonly isPage: boolean;
  /** A person may be looking. */
  isVisible(): boolean;
  /** The network is back (`online`) or gone (`offline`), or the person is back (`focus`). @returns its end */
  onReturn(run: (what: "online" | "offline" | "focus") => void): () => void;
}

/** Epoch milliseconds. */
export const clock = (): number => Date.now();

/** Between 0 and 1. */
export const chance = Math.random;

export function platform(own: { fetch?: Fetch | undefined; webSocket?: WebSocketClass | undefined }): Surroundings {
  const isPage = typeof document !== "undefined" && typeof addEventListener === "function";
  const isVisible = () => isPage && document.visibilityState === "visible";
  return {
    now: Date.now,
    random: chance,
    fetch: own.fetch ?? ((url, init) => fetch(url, init)),
    WebSocket: own.webSocket ?? (globalThis as { WebSocket?: WebSocketClass }).WebSocket,
    isPage,
    isVisible,
    onReturn(run) {
      if (!isPage) return () => {};
      const online = () => run("online");
      const offline = () => run("offline");
      const focus = () => {
        if (isVisible()) run("focus");
      };
      addEventListener("online", online);
      addEventListener("offline", offline);
      addEventListener("focus", focus);
      document.addEventListener("visibilitychange", focus);
      return () => {
        removeEventListener("online", online);
        removeEventListener("offline", offline);
        removeEventListener("focus", focus);
        document.removeEventListener("visibilitychange", focus);
      };
    },
  };
}
