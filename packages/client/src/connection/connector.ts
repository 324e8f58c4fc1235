/*
 * connection/: how a client stays connected. One state machine decides everything: `states.ts` names its states, what can happen
 * and what it may ask for; `table.ts` has a cell for every state and every happening; `moves.ts` has the steps that cells share,
 * and `reconnect-policy.ts` what the codes of the wire mean. All of that is pure. This file holds the one machine, tells it
 * what happens, and carries out what it asks for: it is the only place with side effects that follow from a decision.
 * Invariants: at most one thing is under way, a request, a connection or a wait, and whatever takes its place ends it, so that
 * nothing that comes late is ever heard; every connection goes on at the one cursor, so a change of transport, of tab or of
 * server loses and repeats nothing. It imports reading/, api/ and lib/, and knows nothing of sends.
 */
import type { Http } from "../api/http.ts";
import type { Surroundings } from "../lib/surroundings.ts";
import { after, type Cancel } from "../lib/timers.ts";
import type { Timing } from "../lib/timing.ts";
import type { ClientCursor } from "../reading/client-cursor.ts";
import type { Delivery } from "../reading/delivery.ts";
import type { Resync } from "../reading/events.ts";
import type { Presence } from "../reading/presence.ts";
import { checkReloaded, continueAfter, type Reload, type Reloaded, type ReloadRequest } from "../reading/reload.ts";
import { atTheBeginning } from "./cells.ts";
import type { ClientState } from "./client-state.ts";
import { Connection } from "./connection.ts";
import { betterThan, newFallback } from "./fallback.ts";
import type { Heartbeat } from "./heartbeat.ts";
import { keepLogin } from "./login-life.ts";
import { isReady } from "./moves.ts";
import { renew } from "./renewal.ts";
import type { Effect, Facts, Happening, Machine } from "./states.ts";
import { step } from "./table.ts";
import type { Tabs } from "./tabs.ts";
import { Portion, poll, shortenCursorTransport } from "./transports/poll.ts";
import type { Return } from "./transports/tab-message.ts";
import type { Transport, TransportName } from "./transports/transport.ts";
import { Upgrade } from "./upgrade.ts";

/** Characters: a frame has 8 KiB, an address little more. */
const LONGEST_CURSOR = 7_000;

export interface ConnectorParts {
  readonly http: Http;
  /** In the order of preference. */
  readonly transports: readonly Transport[];
  readonly cursor: ClientCursor;
  readonly delivery: Delivery;
  readonly presence: Presence;
  readonly heartbeat: Heartbeat;
  readonly surroundings: Surroundings;
  readonly timing: Timing;
  readonly max: number | undefined;
  /** @param ending the one before was refused, or ends soon. @throws ParleyError when no token can be had, or what the product's function throws */
  readonly token: (ending?: string) => Promise<string>;
  /** A function of the product gives the tokens. */
  readonly canRenew: boolean;
  /** Called with what that function throws while a connection goes on. */
  readonly onError: (error: unknown) => void;
  readonly reload: Reload;
  /** Undefined: this client has a connection of its own. */
  readonly tabs: Tabs | undefined;
  readonly onState: (state: ClientState) => void;
  readonly onResync: (resync: Resync) => void;
  readonly onReloaded: (what: ReloadRequest, reloaded: Reloaded) => void;
}

type OpenEffect = Extract<Effect, { kind: "open" }>;

/** What `start` and `stop` act on, and the one state that is told. */
export class Connector {
  readonly #parts: ConnectorParts;
  readonly #upgrade: Upgrade;
  #machine: Machine;
  #clientState: ClientState = { kind: "stopped", why: "not-started" };
  /** From one start to the next stop. */
  #running = new AbortController();
  /** Ends what is under way. */
  #work = new AbortController();
  #cancelTimer: Cancel = () => {};
  #connection: Connection | undefined;
  #token: string | undefined;
  /** The login is kept from ending, from then to the next stop. */
  #keepsLogin = false;

  /** @throws TypeError where there is no transport */
  constructor(parts: ConnectorParts) {
    this.#parts = parts;
    const { transports, timing, surroundings } = parts;
    const fallback = newFallback(transports.map(({ name }) => name as TransportName));
    this.#machine = { state: { kind: "stopped" }, memory: atTheBeginning(fallback) };
    this.#upgrade = new Upgrade({
      timing,
      now: surroundings.now,
      better: () => betterThan(this.#machine.memory.fallback).map((name) => this.#transport(name)),
      openWith: () => this.#openWith(this.#running.signal),
      found: (name) => this.#happened({ kind: "better", name }),
    });
  }

  get state(): ClientState {
    return this.#clientState;
  }

  /** Of the newest connection. */
  get token(): string | undefined {
    return this.#token;
  }

  /** Fires at the next stop. */
  get signal(): AbortSignal {
    return this.#running.signal;
  }

  /** To one that is running it says that a person is back. */
  start(): void {
    if (this.#machine.state.kind !== "stopped") this.#parts.tabs?.back("focus");
    this.#happened({ kind: "start" });
  }

  stop(): void {
    this.#happened({ kind: "stop" });
  }

  /** A frame that may be lost, on a transport that can send. */
  send(type: number, data?: object): void {
    this.#connection?.send(type, data);
  }

  /** The server has answered a request of the product. */
  answered(): void {
    if (this.#clientState.kind === "waiting") this.#returned("request-answered");
  }

  /** Tells the other tabs which people are online. */
  sharePresence(): void {
    this.#parts.tabs?.sharePresence(this.#parts.presence.whole);
  }

  /** A tab that follows tells the one that has the connection. */
  #returned(what: Return): void {
    this.#parts.tabs?.back(what);
    this.#happened({ kind: what });
  }

  #happened(happening: Happening): void {
    const { machine, effects } = step(this.#machine, happening, this.#facts());
    this.#machine = machine;
    for (const effect of effects) {
      // A handler of the product has started or stopped the client meanwhile: that counts.
      if (this.#machine !== machine) return;
      this.#carryOut(effect);
    }
  }

  #facts(): Facts {
    const { cursor, surroundings, tabs, timing } = this.#parts;
    return {
      timing,
      now: surroundings.now(),
      random: surroundings.random(),
      isCursorLong: (cursor.text?.length ?? 0) > LONGEST_CURSOR,
      readsByTab: tabs?.follows !== undefined,
      canRenew: this.#parts.canRenew,
      isProbing: this.#upgrade.isProbing,
      drainMs: this.#connection?.drainMs,
    };
  }

  #carryOut(effect: Effect): void {
    switch (effect.kind) {
      case "listen":
        return this.#listen();
      case "release":
        return this.#release(effect.state);
      case "leave":
        return this.#leave();
      case "prepare":
        return this.#request(async (signal) => {
          const ending = this.#machine.memory.wasRenewed ? this.#token : undefined;
          const openWith = await this.#openWith(signal, ending);
          await this.#parts.tabs?.join(openWith.token);
          return { kind: "prepared", ...openWith };
        });
      case "open":
        return this.#open(effect);
      case "ask":
        return this.#request(async (signal) => {
          const { http, timing, token } = this.#parts;
          const { answerMs } = timing;
          const portion = new Portion();
          await poll(http, { token: await token(), cursor: undefined, wait: 0, signal, answerMs, portion });
          return { kind: "ask-answered" };
        });
      case "reload":
        return this.#request(async (signal) => {
          const reloaded = await this.#parts.reload(effect.what, signal);
          checkReloaded(effect.what, reloaded);
          return { kind: "reloaded", reloaded };
        });
      case "timer":
        this.#cancelTimer();
        if (effect.ms !== undefined) this.#cancelTimer = after(effect.ms, () => this.#happened({ kind: "time" }));
        return;
      case "tell":
        return this.#tell(effect.state);
      case "tell-resyncs":
        for (const resync of effect.resyncs) this.#parts.onResync(resync);
        return;
      case "hand-over":
        this.#parts.onReloaded(effect.reloading.what, effect.reloaded);
        return continueAfter(this.#parts.cursor, effect.reloading.what, {
          reloaded: effect.reloaded,
          resyncs: effect.reloading.resyncs,
        });
      case "look":
        return this.#connection?.look();
      case "probe":
        if (effect.when === "now") return void this.#upgrade.probe(this.#running.signal);
        return this.#upgrade.watch({ connection: this.#work.signal, client: this.#running.signal });
    }
  }

  #listen(): void {
    const { delivery, presence, surroundings, tabs } = this.#parts;
    this.#running = new AbortController();
    this.#keepsLogin = false;
    delivery.begin();
    const stopListening = surroundings.onReturn((what) => {
      if (what === "offline") this.#happened({ kind: "offline" });
      else this.#returned(what);
    });
    this.#running.signal.addEventListener("abort", stopListening, { once: true });
    tabs?.start({
      changed: () => this.#happened({ kind: "handover" }),
      returned: (what) => this.#happened({ kind: what }),
      send: (type, data) => this.send(type, data),
      told: (state) => this.#happened({ kind: "tab-state", state }),
      presence: () => presence.whole,
      toldPresence: (whole) => presence.replace(whole),
      stand: () => ({
        state: this.#clientState,
        cursor: this.#machine.state.kind === "live" ? this.#parts.cursor.text : undefined,
      }),
    });
  }

  #release(state: ClientState): void {
    const { tabs, heartbeat } = this.#parts;
    this.#leave();
    this.#running.abort();
    tabs?.tell(state);
    tabs?.stop();
    heartbeat.close();
  }

  #leave(): void {
    this.#cancelTimer();
    this.#connection = undefined;
    this.#work.abort();
  }

  #next(): AbortSignal {
    this.#leave();
    this.#work = new AbortController();
    return this.#work.signal;
  }

  #request(ask: (signal: AbortSignal) => Promise<Happening>): void {
    const signal = this.#next();
    void ask(signal)
      .catch((error: unknown): Happening => ({ kind: "failed", error }))
      .then((happening) => {
        if (!signal.aborted) this.#happened(happening);
      });
  }

  /** @throws what the source of tokens throws, and when the signal has fired: a client that has stopped opens no worker */
  async #openWith(signal: AbortSignal, ending?: string): Promise<Pick<OpenEffect, "token" | "idleSeconds">> {
    const { token, heartbeat } = this.#parts;
    const openWith = { token: await token(ending) };
    signal.throwIfAborted();
    const idleSeconds = await heartbeat.idleSeconds();
    signal.throwIfAborted();
    return { ...openWith, idleSeconds };
  }

  #open({ by, shortenCursor, token, idleSeconds }: OpenEffect): void {
    const { http, tabs, cursor, delivery, timing, surroundings, heartbeat, max } = this.#parts;
    const transport =
      by === "tab" ? tabs?.follows : shortenCursor ? shortenCursorTransport(http, timing) : this.#transport(by);
    const signal = this.#next();
    this.#token = token;
    const isLive = () => this.#machine.state.kind === "live";
    const connection = new Connection({
      transport: transport as Transport,
      start: { token, idleSeconds, max, cursor: cursor.text, signal },
      cursor,
      delivery,
      timing,
      now: surroundings.now,
      heartbeat: heartbeat.start,
      isReady: () => isReady(this.#machine.state),
      isLive,
      onReceive: (frames, at) => {
        if (by !== "tab" && isLive()) tabs?.share(frames, at);
      },
      report: (happening) => this.#happened(happening),
      onLogin: (leftMs) => this.#keepLogin(leftMs),
      onTokenEnding: (wasRefused) => void this.#renew(connection, { signal, wasRefused }),
    });
    this.#connection = connection;
    connection.open();
  }

  /** Where a function gives the tokens, their lives are the product's to say. */
  #keepLogin(leftMs: number | undefined): void {
    const { http, timing, token, canRenew } = this.#parts;
    if (canRenew || this.#keepsLogin) return;
    this.#keepsLogin = true;
    const { signal } = this.#running;
    const withinMs = timing.requestMs;
    const prolong = async () =>
      http.call("POST", "/logins/refresh?keepToken=true", { token: await token(), signal, withinMs });
    void keepLogin({ leftMs, prolong, timing, signal });
  }

  /** Never rejects. */
  async #renew(connection: Connection, how: { signal: AbortSignal; wasRefused: boolean }): Promise<void> {
    const ending = this.#token;
    if (!this.#parts.canRenew || ending === undefined) return;
    const next = await renew(this.#parts, { ending, ...how });
    if (next === undefined) return;
    this.#token = next;
    connection.goOnWith(next);
  }

  #transport(name: TransportName): Transport {
    return this.#parts.transports.find((transport) => transport.name === name) as Transport;
  }

  #tell(state: ClientState): void {
    if (JSON.stringify(this.#clientState) === JSON.stringify(state)) return;
    this.#clientState = state;
    this.#parts.tabs?.tell(state);
    this.#parts.onState(state);
  }
}
