/**
 * A run is what one `start` began, up to its `stop`: it opens a transport, follows it to its end, and decides what comes next
 * by the reconnect policy and the ladder of transports. Invariants: one attempt at a time delivers; every attempt goes on at
 * the one cursor, so a change of transport, of tab or of server loses and repeats nothing; state that a RESYNC asks for is
 * read while no transport is open. Nothing that changes is shared with an earlier run, which may still be waiting for an
 * answer, and after each wait and each state that was told (a handler may stop the client) it looks whether it is over.
 */

import type { Cause } from "../api/parley-error.ts";
import { causeOf, ParleyError } from "../api/parley-error.ts";
import { backoffMs } from "../lib/backoff.ts";
import { continueAfter, type ResyncData, reloadRequest } from "../reading/reload.ts";
import { Attempt, type Ended } from "./attempt.ts";
import type { ClientState, StopWhy, WaitWhy } from "./client-state.ts";
import type { Opening } from "./climb.ts";
import { afterRefusal, type Ending, type NextStep, nextStep } from "./reconnect-policy.ts";
import type { RunOwner, RunParts } from "./run-parts.ts";
import { poll } from "./transports/poll.ts";
import type { Transport } from "./transports/transport.ts";
import { type Return, Waits } from "./waits.ts";

/** Characters: a frame has 8 KiB, an address little more. */
const LONGEST_CURSOR = 7_000;
/** Connections that failed in a row, after which the best transport has another turn. */
const TRIES_AT_BOTTOM = 5;
/** RESYNCs in a row after which reading state again waits, since something is wrong. */
const RESYNCS_AT_ONCE = 2;

export class Run {
  readonly #parts: RunParts;
  readonly #owner: RunOwner;
  readonly #abort = new AbortController();
  readonly #waits = new Waits();
  #attempt: Attempt | undefined;
  #attempts = 0;
  #resyncs = 0;
  /** An answer has cut the last wait short, and no connection came of it. */
  #wasHurried = false;
  /** How often, in a row, the server refused a RESUME for its length. */
  #tooLong = 0;

  constructor(parts: RunParts, owner: RunOwner) {
    this.#parts = parts;
    this.#owner = owner;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** The connection in use, or the last one. */
  get attempt(): Attempt | undefined {
    return this.#attempt;
  }

  get #isOver(): boolean {
    return this.#abort.signal.aborted;
  }

  begin(): void {
    void this.#loop();
  }

  end(): void {
    this.#abort.abort();
    this.#attempt?.end({ kind: "left" });
    this.#waits.end();
  }

  /** The network is gone. Who reads by another tab's connection is told by that tab. */
  offline(): void {
    if (this.#attempt?.transport.name !== "tab") this.#attempt?.end({ kind: "offline" });
  }

  /** The network, the person or the server is back, here or in another tab. */
  back(what: Return): void {
    if (what !== "answer") this.#attempt?.look();
    this.#waits.back(what);
  }

  /**
   * What a connection is opened with now; undefined: this run is over.
   * @throws what the source of tokens throws
   */
  async opening(): Promise<Opening | undefined> {
    const token = await this.#parts.token();
    if (this.#isOver) return undefined;
    const idleSeconds = await this.#parts.heartbeat.idleSeconds();
    return this.#isOver ? undefined : { token, idleSeconds };
  }

  async #loop(): Promise<void> {
    while (!this.#isOver) {
      let opening: Opening | undefined;
      try {
        opening = await this.opening();
      } catch (error) {
        await this.#noToken(error);
        continue;
      }
      if (!opening) return;
      await this.#parts.tabs?.join(opening.token);
      const attempt = this.#open(opening);
      if (!attempt) return;
      const ended = await attempt.done;
      if (!this.#isOver) await this.#after(ended, attempt.transport);
    }
  }

  #open(opening: Opening): Attempt | undefined {
    if (this.#isOver) return undefined;
    const { ladder, cursor, delivery, timing, surroundings, heartbeat, tabs, max } = this.#parts;
    const mustTrade = this.#tooLong === 1 || this.#isLong();
    const isPush = ladder.current.name === "websocket" || ladder.current.name === "sse";
    const transport = tabs?.follows ?? (mustTrade && isPush ? this.#parts.trade : ladder.current);
    const { name } = transport;
    this.#set({ kind: "connecting", transport: name });
    if (this.#isOver) return undefined;
    const attempt = new Attempt({
      transport,
      start: { ...opening, max },
      cursor,
      delivery,
      timing,
      now: surroundings.now,
      heartbeat: heartbeat.start,
      onReceive: (frames, at) => {
        if (attempt.isLive && name !== "tab") tabs?.share(frames, at);
      },
      onReady: () => {
        this.#wasHurried = false;
        ladder.carried(transport);
        this.#owner.climb.watch(attempt);
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

  #isLong(): boolean {
    return (this.#parts.cursor.text?.length ?? 0) > LONGEST_CURSOR;
  }

  async #after({ end, ready, livedMs, drainMs }: Ended, transport: Transport): Promise<void> {
    const { ladder, timing, surroundings } = this.#parts;
    if (livedMs >= timing.stableMs) {
      this.#attempts = 0;
      this.#resyncs = 0;
    }
    if (end.kind === "left" || end.kind === "gap") return;
    if (end.kind === "done") {
      if (this.#tooLong > 0) this.#tooLong += 1;
      // What was got for the long cursor is a long one, too: polls take it, and where there are none trading has pauses.
      if (!this.#isLong() || ladder.stepDown(ladder.current)) return;
      this.#attempts += 1;
      return this.#backOff();
    }
    if (end.kind === "closed" && end.code === 1009) {
      // The only long frame is RESUME. A poll trades its cursor for a short one; where that does not help, polls go on.
      this.#tooLong += 1;
      if (this.#tooLong > 2) ladder.stepDown(transport);
      return this.#backOff();
    }
    // Where a user may have few connections, the one that was tried has pushed out this one.
    if (this.#owner.climb.underWay && end.kind === "closed" && end.code === 4029) return;
    if (end.kind === "resync") return this.#reload(end.resyncs);
    const isOffline = end.kind === "offline";
    // As a connection that was cut: there is nobody to ask whether its transport is blocked.
    const cut = { end: isOffline ? ({ kind: "failed" } as const) : end, ready: ready || isOffline };
    const ending: Ending = { ...cut, attempts: this.#attempts, drainMs, random: surroundings.random() };
    const step = nextStep(ending, timing);
    this.#attempts += 1;
    await this.#take(step, transport);
  }

  async #take(step: NextStep, transport: Transport): Promise<void> {
    const { ladder } = this.#parts;
    switch (step.kind) {
      case "wait":
        return this.#wait(step);
      case "stop":
        return this.#stopped(step.why);
      case "reload":
        this.#parts.onResync({ stream: "*", why: "malformed" });
        return this.#reload([]);
      case "step-down":
        return ladder.stepDown(transport) ? undefined : this.#backOff();
      case "failed":
        return ladder.failed(transport) ? undefined : this.#backOff();
      case "ask":
        return this.#ask(transport);
    }
  }

  /** A plain request, to tell a transport that is blocked from a network or a server that is not there. */
  async #ask(transport: Transport): Promise<void> {
    const { http, ladder, surroundings, timing } = this.#parts;
    const { signal } = this;
    const { answerMs } = timing;
    try {
      await poll(http, { token: await this.#parts.token(), cursor: undefined, wait: 0, signal, answerMs });
    } catch (error) {
      if (this.#isOver) return;
      const { status, code, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
      if (status === 0 || (status >= 500 && status !== 503)) return this.#backOff();
      const random = surroundings.random();
      const backoff = backoffMs(this.#attempts, random, timing);
      const step = afterRefusal({ status, code, retryAfterMs }, { backoff, random });
      return step.kind === "ask" ? this.#backOff(causeOf(error)) : this.#take(step, transport);
    }
    if (!ladder.failed(transport)) await this.#backOff();
  }

  #backOff(error?: Cause): Promise<void> {
    const { surroundings, timing } = this.#parts;
    const ms = backoffMs(this.#attempts, surroundings.random(), timing);
    if (this.#attempts > 0 && this.#attempts % TRIES_AT_BOTTOM === 0) this.#parts.ladder.reset();
    return this.#wait({ ms, why: "offline", told: false, error });
  }

  /** `error`: what a person may have to look at. */
  async #wait(how: { ms: number; why: WaitWhy; told: boolean; error?: Cause | undefined }): Promise<void> {
    if (this.#isOver) return;
    const { ms, told, error } = how;
    const until = this.#parts.surroundings.now() + ms;
    const why = error?.status ? "refused" : how.why;
    const tell = () => this.#set({ kind: "waiting", until, why, ...(error && { error }) });
    let isHurried = false;
    const cutBy = (what: Return) => {
      if (told || what !== "answer") return !told;
      // Every other wait at most: where requests are answered and nothing connects, each would end at the next request.
      isHurried = why === "offline" && !this.#wasHurried;
      return isHurried;
    };
    await this.#waits.wait({ ms, cutBy, tell });
    this.#wasHurried = isHurried;
  }

  async #stopped(why: StopWhy, error?: Cause): Promise<void> {
    if (this.#isOver) return;
    if (why !== "replaced") return this.#owner.stop(why, error);
    const tell = () => this.#set({ kind: "stopped", why });
    await this.#waits.wait({ ms: undefined, cutBy: (what) => what === "focus", tell });
    this.#attempts = 0;
  }

  async #noToken(error: unknown): Promise<void> {
    // A product's own function fails for reasons of its own, mostly for want of a network.
    const { status, canRetry, retryAfterMs } = error instanceof ParleyError ? error : new ParleyError(0);
    if (!canRetry) return this.#stopped("sign-in-refused", causeOf(error));
    const { surroundings, timing } = this.#parts;
    const backoff = backoffMs(this.#attempts, surroundings.random(), timing);
    this.#attempts += 1;
    const why = status === 0 ? "offline" : "busy";
    const ms = Math.max(backoff, retryAfterMs ?? 0);
    await this.#wait({ ms, why, told: retryAfterMs !== undefined, error: causeOf(error) });
  }

  /** The cursor stays until the state was read: whoever breaks off in between is told again. */
  async #reload(resyncs: readonly ResyncData[]): Promise<void> {
    const { cursor, reload, onResync, onReloaded, surroundings, timing } = this.#parts;
    const transport = (this.#attempt as Attempt).transport.name;
    for (const { stream, why } of resyncs) onResync({ stream, why });
    this.#resyncs += 1;
    if (this.#resyncs > RESYNCS_AT_ONCE) {
      this.#attempts += 1;
      await this.#backOff();
    }
    const what = resyncs.length === 0 ? { everything: true, roomIds: [] } : reloadRequest(resyncs);
    for (let attempts = 0; !this.#isOver; attempts++) {
      this.#set({ kind: "catching-up", transport });
      if (this.#isOver) return;
      try {
        const reloaded = await reload(what, this.signal);
        if (this.#isOver) return;
        onReloaded(what, reloaded);
        return continueAfter(cursor, what, { reloaded, resyncs });
      } catch (error) {
        if (this.#isOver) return;
        if (error instanceof ParleyError && error.code === "unauthorized") return this.#stopped("revoked");
        const ms = backoffMs(attempts, surroundings.random(), timing);
        const askedMs = error instanceof ParleyError ? (error.retryAfterMs ?? 0) : 0;
        await this.#wait({ ms: Math.max(ms, askedMs), why: "offline", told: askedMs > 0, error: causeOf(error) });
      }
    }
  }

  #set(state: ClientState): void {
    if (!this.#isOver) this.#owner.set(state);
  }
}
