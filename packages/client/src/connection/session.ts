/**
 * connection/: the session is what `start` and `stop` act on: at most one run at a time, the one state that is told, and what comes from
 * outside of the connection, the return of network and person and the other tabs. What `stop` ends is ended before its state
 * is told, so a handler may start anew at once. It knows nothing of sends and of the application's handlers.
 */

import type { Cause } from "../api/parley-error.ts";
import type { ClientState, StopWhy } from "./client-state.ts";
import { Climb } from "./climb.ts";
import { Run } from "./run.ts";
import type { RunParts } from "./run-parts.ts";
import type { Return } from "./waits.ts";

export interface SessionParts extends RunParts {
  readonly onState: (state: ClientState) => void;
}

export class Session {
  readonly #parts: SessionParts;
  readonly #climb: Climb;
  #state: ClientState = { kind: "stopped", why: "not-started" };
  #run: Run | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    const { ladder, timing, surroundings } = parts;
    this.#climb = new Climb({ ladder, timing, now: surroundings.now, current: () => this.#run });
  }

  get state(): ClientState {
    return this.#state;
  }

  /** Of the connection in use. */
  get token(): string | undefined {
    return this.#run?.attempt?.token;
  }

  start(): void {
    if (this.#run) return this.#returned("focus");
    this.#parts.delivery.begin();
    const run = new Run(this.#parts, {
      climb: this.#climb,
      set: (state) => this.#set(state),
      stop: (why, error) => this.stop(why, error),
    });
    this.#run = run;
    const stopListening = this.#parts.surroundings.onReturn((what) => {
      if (what === "offline") run.offline();
      else this.#returned(what);
    });
    run.signal.addEventListener("abort", stopListening, { once: true });
    this.#parts.tabs?.start({
      changed: () => run.attempt?.end({ kind: "left" }),
      returned: (what) => this.back(what),
      send: (type, data) => this.send(type, data),
      told: (state) => this.#told(state),
      stand: () => ({
        state: this.#state,
        cursor: run.attempt?.isLive ? this.#parts.cursor.text : undefined,
      }),
    });
    run.begin();
  }

  stop(why: StopWhy = "asked", error?: Cause): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    run.end();
    const { tabs, heartbeat } = this.#parts;
    const state: ClientState = { kind: "stopped", why, ...(error && { error }) };
    tabs?.tell(state);
    tabs?.stop();
    heartbeat.close();
    this.#set(state);
  }

  /** A frame that may be lost, on a transport that can send. */
  send(type: number, data?: object): void {
    this.#run?.attempt?.send(type, data);
  }

  /** The network or the person is back, here or in another tab. */
  back(what: Return): void {
    this.#run?.back(what);
    if (what === "online") void this.#climb.now();
  }

  /** The server has answered a request; a tab that waits with another one's connection tells that one. */
  answered(): void {
    if (this.#state.kind === "waiting") this.#returned("answer");
  }

  #returned(what: Return): void {
    this.#parts.tabs?.back(what);
    this.back(what);
  }

  /** By the tab that has the connection. */
  #told(state: ClientState): void {
    if (this.#run?.attempt?.transport.name !== "tab") return;
    if (state.kind !== "stopped" || state.why === "replaced") return this.#set(state);
    // Every other tab goes on by itself when one was stopped by its own program.
    if (state.why === "revoked" || state.why === "banned") this.stop(state.why);
  }

  #set(state: ClientState): void {
    if (JSON.stringify(this.#state) === JSON.stringify(state)) return;
    this.#state = state;
    this.#parts.tabs?.tell(state);
    this.#parts.onState(state);
  }
}
