/**
 * The session keeps one connection alive: it opens a transport, follows it to its end, and decides what comes next by the
 * reconnect policy and the ladder of transports. Invariants: one attempt at a time delivers; every attempt goes on at the one
 * cursor, so a change of transport, of tab or of server loses and repeats nothing; state that a RESYNC asks for is read while
 * no transport is open. It knows nothing of sends and of the application's handlers.
 */
import { Attempt, type Ended, type ResyncData } from "./attempt.ts";
import { Climb } from "./climb.ts";
import type { KeptCursor } from "./cursors.ts";
import type { Delivery } from "./delivery.ts";
import type { ClientState, Resync, StopWhy, WaitWhy } from "./events.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { type Http, ParleyError } from "./http.ts";
import type { Ladder } from "./ladder.ts";
import { afterRefusal, backoffMs, type Ending, type NextStep, nextStep } from "./reconnect-policy.ts";
import { continueAfter, type Reload, type Reloaded, type ReloadRequest, reloadRequest } from "./reload.ts";
import type { Surroundings } from "./surroundings.ts";
import type { Tabs } from "./tabs.ts";
import { pause, type Timing } from "./timing.ts";
import { poll } from "./transports/poll.ts";
import type { Transport } from "./transports/transport.ts";

export interface SessionParts {
  readonly http: Http;
  readonly ladder: Ladder;
  /** Gets what is behind, and with it a short cursor, then ends. */
  readonly trade: Transport;
  readonly cursor: KeptCursor;
  readonly delivery: Delivery;
  readonly heartbeat: Heartbeat;
  readonly surroundings: Surroundings;
  readonly timing: Timing;
  readonly max: number | undefined;
  /** @throws ParleyError when no token can be had */
  readonly token: () => Promise<string>;
  readonly reload: Reload;
  /** Undefined: this client has a connection of its own. */
  readonly tabs: Tabs | undefined;
  readonly onState: (state: ClientState) => void;
  readonly onResync: (resync: Resync) => void;
  readonly onReloaded: (what: ReloadRequest, reloaded: Reloaded) => void;
}

/** Characters: a frame has 8 KiB, an address little more. */
const LONGEST_CURSOR = 7_000;
/** Connections that failed in a row, after which the best transport has another turn. */
const TRIES_AT_BOTTOM = 5;
/** RESYNCs in a row after which reading state again waits, since something is wrong. */
const RESYNCS_AT_ONCE = 2;

export class Session {
  readonly #parts: SessionParts;
  #state: ClientState = { kind: "stopped", why: "not-started" };
  #run: AbortController | undefined;
  #attempt: Attempt | undefined;
  #attempts = 0;
  #resyncs = 0;
  readonly #climb: Climb;
  /** How often, in a row, the server refused a RESUME for its length. */
  #tooLong = 0;
  /** Ends the wait that the session is in, if the return of network or person is a reason to. */
  #wake: ((what: "online" | "focus") => void) | undefined;

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#climb = new Climb({
      ...parts,
      start: async () => ({ token: await parts.token(), idleSeconds: await parts.heartbeat.idleSeconds() }),
      current: () => this.#attempt,
    });
  }

  get state(): ClientState {
    return this.#state;
  }

  start(): void {
    if (this.#run) return this.#wake?.("focus");
    const run = new AbortController();
    this.#run = run;
    this.#attempts = 0;
    const { surroundings, tabs } = this.#parts;
    const stopListening = surroundings.onReturn((what) => {
      tabs?.back(what);
      this.back(what);
    });
    run.signal.addEventListener("abort", stopListening, { once: true });
    tabs?.start({
      changed: () => this.#attempt?.end({ kind: "left" }),
      returned: (what) => this.back(what),
      send: (type, data) => this.send(type, data),
      told: (state) => this.#told(state),
      cursor: () => (this.#attempt?.isLive ? this.#parts.cursor.text : undefined),
    });
    void this.#loop(run.signal);
  }

  stop(why: StopWhy = "asked"): void {
    const run = this.#run;
    if (!run) return;
    this.#run = undefined;
    run.abort();
    this.#attempt?.end({ kind: "left" });
    this.#wake?.("focus");
    this.#set({ kind: "stopped", why });
    this.#parts.tabs?.stop();
    this.#parts.heartbeat.close();
  }

  /** A frame that may be lost, on a transport that can send. */
  send(type: number, data?: object): void {
    this.#attempt?.send(type, data);
  }

  /** The network or the person is back, here or in another tab. */
  back(what: "online" | "focus"): void {
    this.#attempt?.look();
    this.#wake?.(what);
    if (what === "online") void this.#climb.now();
  }

  async #loop(run: AbortSignal): Promise<void> {
    while (!run.aborted) {
      let token: string;
      try {
        token = await this.#parts.token();
      } catch (error) {
        if (run.aborted) return;
        await this.#noToken(error, run);
        continue;
      }
      const idleSeconds = await this.#parts.heartbeat.idleSeconds();
      await this.#parts.tabs?.join(token);
      if (run.aborted) return;
      const ended = await this.#open(token, idleSeconds).done;
      if (!run.aborted) await this.#after(ended, run);
    }
  }

  #open(token: string, idleSeconds: number | undefined): Attempt {
    const { ladder, cursor, delivery, timing, surroundings, heartbeat, tabs, max } = this.#parts;
    const mustTrade = this.#tooLong === 1 || (cursor.text?.length ?? 0) > LONGEST_CURSOR;
    const isPush = ladder.current.name === "websocket" || ladder.current.name === "sse";
    const transport = tabs?.follows ?? (mustTrade && isPush ? this.#parts.trade : ladder.current);
    const { name } = transport;
    this.#set({ kind: "connecting", transport: name });
    const attempt = new Attempt({
      transport,
      start: { token, max, idleSeconds },
      cursor,
      delivery,
      timing,
      now: surroundings.now,
      heartbeat: heartbeat.start,
      onReceive: (frames, at) => {
        if (name !== "tab") tabs?.share(frames, at);
      },
      onReady: () => {
        ladder.carried(transport);
        this.#climb.watch(attempt);
        this.#set({ kind: "catching-up", transport: name });
      },
      onLive: () => {
        this.#tooLong = 0;
        this.#set({ kind: "live", transport: name });
      },
    });
    this.#attempt = attempt;
    return attempt;
  }

  async #after({ end, ready, livedMs, drainMs }: Ended, run: AbortSignal): Promise<void> {
    const { transport } = this.#attempt as Attempt;
    if (livedMs >= this.#parts.timing.stableMs) {
      this.#attempts = 0;
      this.#resyncs = 0;
    }
    if (end.kind === "left" || end.kind === "gap") return;
    if (end.kind === "done") {
      if (this.#tooLong > 0) this.#tooLong += 1;
      return;
    }
    if (end.kind === "closed" && end.code === 1009) {
      // The only long frame is RESUME. A poll trades its cursor for a short one; where that does not help, polls go on.
      this.#tooLong += 1;
      if (this.#tooLong > 2) this.#parts.ladder.stepDown(transport);
      return this.#backOff(run);
    }
    // Where a user may have few connections, the one that was tried has pushed out this one.
    if (this.#climb.underWay && end.kind === "closed" && end.code === 4029) return;
    if (end.kind === "resync") return this.#reload(end.resyncs, run);
    const ending: Ending = { end, ready, attempts: this.#attempts, drainMs, random: this.#parts.surroundings.random() };
    const step = nextStep(ending, this.#parts.timing);
    this.#attempts += 1;
    await this.#take(step, transport, run);
  }

  async #take(step: NextStep, transport: Transport, run: AbortSignal): Promise<void> {
    const { ladder } = this.#parts;
    switch (step.kind) {
      case "wait":
        return this.#wait(step, run);
      case "stop":
        return this.#stopped(step.why, run);
      case "reload":
        this.#parts.onResync({ stream: "*", why: "malformed" });
        return this.#reload([], run);
      case "step-down":
        if (ladder.stepDown(transport)) return;
        return this.#backOff(run);
      case "ask":
        return this.#ask(transport, run);
    }
  }

  /** A plain request, to tell a transport that is blocked from a network or a server that is not there. */
  async #ask(transport: Transport, run: AbortSignal): Promise<void> {
    const { http, ladder, surroundings, timing } = this.#parts;
    try {
      await poll(http, {
        token: await this.#parts.token(),
        cursor: undefined,
        wait: 0,
        signal: run,
        answerMs: timing.answerMs,
      });
    } catch (error) {
      if (run.aborted) return;
      const { status, code, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
      if (status === 0 || (status >= 500 && status !== 503)) return this.#backOff(run);
      const random = surroundings.random();
      const backoff = backoffMs(this.#attempts, random, timing);
      const step = afterRefusal({ status, code, retryAfterMs }, { backoff, random });
      return step.kind === "ask" ? this.#backOff(run) : this.#take(step, transport, run);
    }
    if (!ladder.failed(transport)) await this.#backOff(run);
  }

  #backOff(run: AbortSignal): Promise<void> {
    const { surroundings, timing } = this.#parts;
    const ms = backoffMs(this.#attempts, surroundings.random(), timing);
    if (this.#attempts > 0 && this.#attempts % TRIES_AT_BOTTOM === 0) this.#parts.ladder.reset();
    return this.#wait({ ms, why: "offline", told: false }, run);
  }

  async #wait({ ms, why, told }: { ms: number; why: WaitWhy; told: boolean }, run: AbortSignal): Promise<void> {
    if (run.aborted) return;
    const { now } = this.#parts.surroundings;
    this.#set({ kind: "waiting", until: now() + ms, why });
    const woken = new AbortController();
    this.#wake = () => {
      if (!told || run.aborted) woken.abort();
    };
    await pause(ms, woken.signal);
    this.#wake = undefined;
  }

  async #stopped(why: StopWhy, run: AbortSignal): Promise<void> {
    if (why !== "replaced") return this.stop(why);
    this.#set({ kind: "stopped", why });
    await new Promise<void>((resolve) => {
      this.#wake = (what) => {
        if (what === "focus" || run.aborted) resolve();
      };
    });
    this.#wake = undefined;
    this.#attempts = 0;
  }

  async #noToken(error: unknown, run: AbortSignal): Promise<void> {
    // A product's own function fails for reasons of its own, mostly for want of a network.
    const { status, canRetry, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
    if (!canRetry) return this.#stopped("sign-in-refused", run);
    const { surroundings, timing } = this.#parts;
    const backoff = backoffMs(this.#attempts, surroundings.random(), timing);
    this.#attempts += 1;
    const why = status === 0 ? "offline" : "busy";
    await this.#wait({ ms: Math.max(backoff, retryAfterMs ?? 0), why, told: retryAfterMs !== undefined }, run);
  }

  /** The cursor stays until the state was read: whoever breaks off in between is told again. */
  async #reload(resyncs: readonly ResyncData[], run: AbortSignal): Promise<void> {
    const { cursor, reload, onResync, onReloaded, surroundings, timing } = this.#parts;
    const transport = (this.#attempt as Attempt).transport.name;
    for (const { stream, why } of resyncs) onResync({ stream, why });
    this.#resyncs += 1;
    if (this.#resyncs > RESYNCS_AT_ONCE) {
      this.#attempts += 1;
      await this.#backOff(run);
    }
    const what = resyncs.length === 0 ? { everything: true, roomIds: [] } : reloadRequest(resyncs);
    for (let attempts = 0; !run.aborted; attempts++) {
      this.#set({ kind: "catching-up", transport });
      try {
        const reloaded = await reload(what, run);
        if (run.aborted) return;
        onReloaded(what, reloaded);
        return continueAfter(cursor, what, { reloaded, resyncs });
      } catch (error) {
        if (run.aborted) return;
        if (error instanceof ParleyError && error.status === 401) return this.#stopped("revoked", run);
        const ms = backoffMs(attempts, surroundings.random(), timing);
        const askedMs = error instanceof ParleyError ? (error.retryAfterMs ?? 0) : 0;
        await this.#wait({ ms: Math.max(ms, askedMs), why: "offline", told: askedMs > 0 }, run);
      }
    }
  }

  /** By the tab that has the connection. */
  #told(state: ClientState): void {
    if (this.#attempt?.transport.name !== "tab") return;
    if (state.kind !== "stopped" || state.why === "replaced") return this.#set(state);
    // Every other tab goes on by itself when one was stopped by its own program.
    if (state.why === "revoked" || state.why === "banned") this.stop(state.why);
  }

  #set(state: ClientState): void {
    const before = this.#state;
    if (before.kind === state.kind && state.kind !== "waiting" && same(before, state)) return;
    this.#state = state;
    this.#parts.tabs?.tell(state);
    this.#parts.onState(state);
  }
}

function same(a: ClientState, b: ClientState): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}
