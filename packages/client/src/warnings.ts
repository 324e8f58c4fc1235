import type { ClientState } from "./connection/client-state.ts";

/**
 * Says what would otherwise be silence, on the console unless the program takes it: that a client was never started, has stopped, or
 * cannot reach its server. Each thing is said once until the client is live again.
 */
export class Warnings {
  readonly #url: string;
  readonly #warn: (text: string) => void;
  readonly #said = new Set<string>();

  /** @param url of the server */
  constructor(url: string, warn: (text: string) => void = (text) => console.warn(`parley: ${text}`)) {
    this.#url = url;
    this.#warn = warn;
  }

  say(text: string): void {
    if (this.#said.has(text)) return;
    this.#said.add(text);
    try {
      this.#warn(text);
    } catch (error) {
      console.error("parley: onWarning failed:", error);
    }
  }

  state(state: ClientState): void {
    const { kind } = state;
    if (kind === "live") this.#said.clear();
    if (kind !== "stopped" && kind !== "waiting") return;
    const { why, error } = state;
    const cause = error ? `: ${error.code} (${error.message})` : "";
    if (kind === "stopped" && why !== "asked" && why !== "not-started") {
      this.say(`the client has stopped, ${why}${cause}${why === "revoked" ? ": sign in and start it again" : ""}`);
    }
    if (why === "refused" || why === "offline")
      this.say(`${this.#url} ${why === "refused" ? "refuses" : "does not answer"}${cause}`);
  }
}
