import type { ClientState, StopWhy } from "./connection/client-state.ts";

/** What a program that does nothing about it should hear once a client has stopped by itself. */
const STOPPED: Partial<Record<StopWhy, string>> = {
  revoked: "the login has ended. Sign in again, then call client.start({ token })",
  banned: "this user is banned",
  disabled: "the account is disabled",
  replaced: "this user has too many connections, and this was the oldest",
  "sign-in-refused": "signing in was refused",
};

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
    if (state.kind === "live") this.#said.clear();
    const error = "error" in state && state.error ? `: ${state.error.code} (${state.error.message})` : "";
    if (state.kind === "stopped" && STOPPED[state.why])
      this.say(`the client has stopped: ${STOPPED[state.why]}${error}`);
    if (state.kind !== "waiting") return;
    if (state.why === "refused") this.say(`${this.#url} refuses the connection${error}; trying again`);
    if (state.why === "offline") this.say(`${this.#url} does not answer; trying again`);
  }
}
