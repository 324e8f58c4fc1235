/**
 * The client as a product sees it: events once and in order, typed requests, sends that survive a bad network. This file puts
 * the parts together: the connector (which connection, and what after it), the delivery (what is new), the cursor, the outgoing
 * messages. It runs in browsers, Bun and Node, and imports only the protocol; nothing here may pull in its schemas.
 */
import { Command } from "@parley/protocol/command-type";
import { Push } from "@parley/protocol/events";
import type { Message, MessageMark } from "./api/api-types.ts";
import { Http } from "./api/http.ts";
import { ParleyError } from "./api/parley-error.ts";
import type { SendRequest } from "./api/routes.ts";
import { type ArgsOf, PUBLIC_ROUTES, pathOf, type Reply, type Route } from "./api/routes.ts";
import { TokenSource } from "./api/token-source.ts";
import { checkMark, checkOptions } from "./check-arguments.ts";
import type { ClientState } from "./connection/client-state.ts";
import { Connector } from "./connection/connector.ts";
import { Heartbeat } from "./connection/heartbeat.ts";
import { locksOf } from "./connection/locks.ts";
import { Tabs } from "./connection/tabs.ts";
import { transportsOf } from "./connection/transports/choice.ts";
import { check, checkId, checkName } from "./lib/check.ts";
import { platform } from "./lib/surroundings.ts";
import { TIMING } from "./lib/timing.ts";
import { type ClientOptions, type Internals, webSocketOf } from "./options.ts";
import { ClientCursor } from "./reading/client-cursor.ts";
import { Delivery } from "./reading/delivery.ts";
import { type AnyPush, Emitter, EVENT_NAMES, type Place, type PushDataByName, type Resync } from "./reading/events.ts";
import { Presence, type PresentState } from "./reading/presence.ts";
import { type Reload, type Reloaded, type ReloadedState, readState } from "./reading/reload.ts";
import { Authors } from "./sending/authors.ts";
import { Outgoing } from "./sending/outgoing.ts";
import { Reads } from "./sending/reads.ts";
import type { Sending } from "./sending/sending.ts";
import { StoredSends } from "./sending/stored-sends.ts";
import { StartWatch } from "./start-watch.ts";
import { Warnings } from "./warnings.ts";

/** What `on` brings, by name: every push of the protocol, and what the client itself has to tell. */
export type ClientEvents = Omit<PushDataByName, "resync"> & {
  /** Every push, also one that this version does not know. RESYNC is not among them: `resync` tells of it. */
  event: AnyPush;
  state: ClientState;
  /** Somebody has come online or gone, or the number of people online has changed: see `client.presence`. */
  presence: { readonly uids: readonly number[]; readonly onlineNum: number | undefined };
  /** Events were missed for good; state is being read anew, and `state-reloaded` follows. */
  resync: Resync;
  /** What was read instead: the client's own reading, or what `reload` returned. Events go on behind it. */
  "state-reloaded": ReloadedState | Reloaded;
  /** A message is stored; also one that an earlier page left. */
  sent: { clientId: string; roomId: number; message: Message };
  /** A message was refused for good. */
  refused: { clientId: string; roomId: number; error: ParleyError };
};

export type SendMore = Pick<SendRequest, "replyTo" | "mentions"> & { readonly clientId?: string };

export class Client {
  readonly #http: Http;
  readonly #token: TokenSource;
  readonly #cursor: ClientCursor;
  readonly #emitter: Emitter;
  readonly #connector: Connector;
  readonly #outgoing: Outgoing;
  readonly #authors: Authors;
  readonly #reads: Reads;
  readonly #requestMs: number;
  readonly #warnings: Warnings;
  readonly #startWatch: StartWatch;
  /** A function of the product gives the tokens. */
  readonly #canRenew: boolean;
  /** Which people are online. */
  readonly presence: Presence;

  /** @throws TypeError that names a wrong option */
  constructor(options: ClientOptions, internals: Internals = {}) {
    const url = checkOptions(options);
    const timing = { ...TIMING, ...internals.timing };
    const own = { fetch: options.fetch, webSocket: webSocketOf(options) };
    const surroundings = { ...platform(own), ...internals.surroundings };
    this.#requestMs = timing.requestMs;
    this.#warnings = new Warnings(url, options.onWarning);
    this.#startWatch = new StartWatch({
      ms: timing.startMs,
      onLate: () => this.#warnings.say(NOT_STARTED),
      onEnd: ({ isNew }) => {
        if (isNew) this.#warnings.say(NOT_STARTED);
        this.#outgoing.giveUp(new ParleyError(0, { code: "not_started", title: "The client was not running" }));
      },
    });
    this.#canRenew = typeof options.token === "function";
    this.#http = new Http(url, surroundings.fetch, () => this.#connector.answered());
    this.#token = new TokenSource(options, this.#http, timing.requestMs);
    this.#cursor = new ClientCursor(options.cursor);
    const given = typeof options.token === "string" ? options.token : undefined;
    this.#authors = new Authors(given, async (token) => {
      const { signal } = this.#connector;
      return ((await this.#ask("GET /me", { signal }, token)) as Reply<"GET /me">)?.uid;
    });
    this.#emitter = new Emitter(options.onError ?? ((error) => console.error("parley: a handler failed:", error)));
    this.presence = new Presence({
      onChange: (uids) => this.#emitter.emit("presence", { uids, onlineNum: this.presence.onlineNum }),
      onWhole: () => this.#connector.sharePresence(),
      ask: (uids) => this.request("GET /presence", { query: { userIds: uids.join(",") } }),
    });
    const read: Reload = (what, signal) =>
      readState((route, args) => this.request(route, { ...args, signal } as never), what);
    const parts = { http: this.#http, timing, url, surroundings };
    const locks = locksOf(surroundings);
    this.#connector = new Connector({
      http: this.#http,
      transports: transportsOf({
        wanted: options.transports,
        ...parts,
        webSocketPath: options.webSocketPath,
        locks: surroundings.isPage ? locks : undefined,
      }),
      cursor: this.#cursor,
      delivery: new Delivery(this.#cursor, (frame) => {
        if (frame.type === Push.LOGIN_SUCCESS) this.#authors.learned(this.#connector.token, frame.data.uid);
        if (frame.type === Push.MESSAGE) this.#reads.said(frame.data, this.#authors.now.uid);
        if (frame.type === Push.READY) this.presence.begin();
        if (frame.type === Push.ONLINE_OFFLINE_NOTIFY) this.presence.pushed(frame.data);
        this.#emitter.push(frame);
      }),
      presence: this.presence,
      heartbeat: new Heartbeat({
        url: options.worker,
        isPage: surroundings.isPage,
        withinMs: timing.workerMs,
        onMissing: () => this.#warnings.say(`the worker${options.worker ? ` ${options.worker}` : ""} ${NO_WORKER}`),
      }),
      surroundings,
      timing,
      max: options.max,
      token: (ending) => this.#token.get(ending),
      canRenew: this.#canRenew,
      onError: (error) => this.#emitter.failed(error),
      reload: options.reload ?? read,
      tabs: (options.tabs ?? surroundings.isPage) && locks ? new Tabs({ ...parts, locks }) : undefined,
      onState: (state) => this.#onState(state),
      onResync: (resync) => this.#emitter.emit("resync", resync),
      onReloaded: (what, reloaded) => this.#emitter.emit("state-reloaded", { ...what, ...reloaded }),
    });
    this.#reads = new Reads({
      gatherMs: timing.readGatherMs,
      signal: () => this.#connector.signal,
      ask: (id, seq) => this.request("PUT /rooms/{id}/read", { path: { id }, body: { seq } }),
    });
    const { storage } = options;
    this.#outgoing = new Outgoing({
      post: async ({ roomId, request, author }) => {
        const token = await this.#token.get();
        return this.#asUser(token, async (valid) => {
          await this.#authors.check(author, valid as string);
          return this.#ask("POST /rooms/{id}/messages", { path: { id: roomId }, body: request }, valid);
        });
      },
      kept: storage && new StoredSends(storage.area, storage.owner),
      max: options.maxWaiting ?? 1000,
      random: surroundings.random,
      timing,
      onSent: (sending, message) => this.#emitter.emit("sent", { ...named(sending), message }),
      onRefused: (sending, error) => {
        this.#emitter.emit("refused", { ...named(sending), error });
        if (this.#emitter.has("refused")) return;
        this.#warnings.say(`a message to room ${sending.roomId} was refused: ${error.code} (${error.message})`);
      },
    });
  }

  get state(): ClientState {
    return this.#connector.state;
  }

  /** What your handlers have had, as text to store and to give to a later client; undefined before the first READY. */
  get cursor(): string | undefined {
    return this.#cursor.text;
  }

  /** The token in use, such as the one that `login` brought; undefined before. */
  get token(): string | undefined {
    return this.#token.current;
  }

  /** Messages that are not acknowledged yet. */
  get waiting(): number {
    return this.#outgoing.waiting;
  }

  /** Connects, and stays connected until `stop` or until the server ends the login. If already running, does nothing unless given a different token. */
  start(as: { readonly token?: string } = {}): void {
    const isRight = ([name, value]: [string, unknown]) =>
      name === "token" && /^(string:.|undefined:)/.test(`${typeof value}:${value}`);
    check(typeof as === "object" && Object.entries(as).every(isRight), "start", "called with nothing or { token }");
    const isOther = this.#token.begin(as.token);
    this.#authors.begin(as.token);
    this.#startWatch.started();
    // What comes and what goes is of one login.
    if (isOther) {
      this.#connector.stop();
      this.#reads.clear();
      this.presence.clear();
    }
    this.#connector.start();
  }

  /** Ends the connection. The cursor and what waits to be sent stay; `start` goes on with both. */
  stop(): void {
    this.#connector.stop();
  }

  /** Handlers run in the order of the log, one event after the other. @returns its end */
  on<N extends keyof ClientEvents>(name: N, handler: (data: ClientEvents[N], place: Place) => unknown): () => void {
    checkName(name, EVENT_NAMES, "an event");
    check(typeof handler === "function", "handler", "a function");
    this.#startWatch.expect();
    return this.#emitter.on(name, handler as never);
  }

  /**
   * Any request to the server, typed by its route: `client.request("GET /rooms/{id}", { path: { id: 7 } })`. Nothing is tried again, but for
   * a token that a function gives and the server refuses: the function is asked once more.
   * @throws ParleyError, with the server's stable `code`
   */
  async request<R extends Route>(route: R, ...[args]: ArgsOf<R>): Promise<Reply<R>> {
    check(/^[A-Z]+ \//.test(route), "route", "such as GET /rooms");
    const token = PUBLIC_ROUTES.has(route) ? undefined : await this.#token.find();
    const asking = SAYS_PRESENCE.has(route) ? this.presence.asking() : 0;
    const reply = (await this.#asUser(token, (valid) => this.#ask(route, (args ?? {}) as Asked, valid))) as Reply<R>;
    if (asking > 0) this.#learn(asking, reply as Reply<"GET /presence">);
    return reply;
  }

  /** What a reply says of the people in it. In large rooms it says nothing. */
  #learn(asking: number, { items, onlineNum }: Reply<"GET /presence">): void {
    this.presence.learn(asking, { states: items.filter(isTold), onlineNum });
  }

  /**
   * Sends a text. Messages of one room are sent one at a time, in order, and tried again until they are stored; a client that
   * was not started, or was stopped, sends them when it is started. Resolves with the stored message; everybody gets it as `message`, too.
   * @throws ParleyError when it was refused, or with code `queue_full`; TypeError for a wrong argument
   */
  send(roomId: number, text: string, more: SendMore = {}): Promise<Message> {
    const sent = this.#send(roomId, text, more);
    // A refusal that nobody waits for must not end a process: `refused` and the warnings tell of it.
    sent.catch(() => {});
    return sent;
  }

  async #send(roomId: number, text: string, { clientId = newClientId(), ...more }: SendMore): Promise<Message> {
    try {
      checkId(roomId, "roomId", "a room's id");
      check(typeof text === "string" && text, "text", "a text that is not empty");
    } catch (error) {
      this.#warnings.say(`nothing was sent: ${(error as Error).message}`);
      throw error;
    }
    const request = { clientId, type: 1 as const, body: { content: text }, ...more };
    const sent = this.#outgoing.send({ roomId, request, author: this.#authors.now });
    this.#startWatch.expect();
    return sent;
  }

  /** Takes a message of the user's own back. */
  async recall(messageId: number): Promise<Message> {
    checkId(messageId, "messageId", "a message's id");
    return this.request("DELETE /messages/{id}", { path: { id: messageId } });
  }

  /** Likes or dislikes a message; one takes the place of the other. @returns the message's marks, as the user sees them now */
  async mark(messageId: number, mark: "like" | "dislike"): Promise<MessageMark> {
    checkMark(messageId, mark);
    return this.request("PUT /messages/{id}/marks/{mark}", { path: { id: messageId, mark } });
  }

  /** Takes the user's like or dislike away. */
  async unmark(messageId: number, mark: "like" | "dislike"): Promise<MessageMark> {
    checkMark(messageId, mark);
    return this.request("DELETE /messages/{id}/marks/{mark}", { path: { id: messageId, mark } });
  }

  /** Says that the user has read this room up to this seq. It may be called as often as you like: the server is told once a second at most. */
  async markRead(roomId: number, seq: number): Promise<Reply<"PUT /rooms/{id}/read">> {
    checkId(roomId, "roomId", "a room's id");
    check(Number.isSafeInteger(seq) && seq >= 0, "seq", "a seq");
    return this.#reads.read(roomId, seq);
  }

  /** Shows the others in the room that the user is typing; lost where the transport cannot send. */
  typing(roomId: number): void {
    checkId(roomId, "roomId", "a room's id");
    this.#connector.send(Command.TYPING, { roomId });
  }

  /** Where a function of the product gives the tokens, one that the server refuses is followed by another, once: nothing was done yet. */
  async #asUser(token: string | undefined, ask: (valid: string | undefined) => Promise<unknown>): Promise<unknown> {
    try {
      return await ask(token);
    } catch (error) {
      const isRefused = this.#canRenew && (error as Partial<ParleyError>).code === "unauthorized";
      const next = isRefused ? await this.#token.find(token) : token;
      if (next === token) throw error;
      return ask(next);
    }
  }

  #ask(route: Route, args: Asked, token: string | undefined): Promise<unknown> {
    const { path, ...ask } = args;
    const [method = "", template = ""] = route.split(" ");
    // Some requests hang as long as they are asked to.
    const waitSeconds = Number(ask.query?.wait ?? (ask.body as { wait?: unknown } | undefined)?.wait) || 0;
    return this.#http.call(method, pathOf(template, path), {
      ...ask,
      token,
      withinMs: this.#requestMs + waitSeconds * 1000,
    });
  }

  #onState(state: ClientState): void {
    // Not before there is a place to go on from: what is sent before that would not come as an event.
    if (this.#cursor.text !== undefined && "transport" in state) this.#outgoing.start();
    if (state.kind === "live") {
      this.#outgoing.wake();
      // While the login lasts: when it has ended nobody can tell whose messages wait.
      const { token } = this.#connector;
      if (token) this.#authors.know(token).catch(() => {});
    }
    if (state.kind === "stopped" && state.why !== "replaced") {
      this.#outgoing.stop();
      if (state.why !== "asked") this.#token.forget();
    }
    this.#warnings.state(state);
    if (state.kind === "stopped") {
      this.#startWatch.stopped();
      if (this.#outgoing.waiting > 0) this.#startWatch.expect();
    }
    this.#emitter.emit("state", state);
  }
}

const NOT_STARTED = "client.start() was not called";
const NO_WORKER = "was not loaded: hidden tabs notice cuts later";

/** What the arguments of every route have in common. */
interface Asked {
  readonly path?: Record<string, unknown>;
  readonly query?: Record<string, unknown>;
  readonly body?: object;
  readonly headers?: Record<string, string>;
  readonly signal?: AbortSignal;
}

/** Routes whose replies say how people are. */
const SAYS_PRESENCE: ReadonlySet<string> = new Set<Route>(["GET /presence", "GET /rooms/{id}/members"]);

function isTold(state: { activeStatus: number | null }): state is PresentState {
  return state.activeStatus !== null;
}

function named({ roomId, request }: Sending) {
  return { roomId, clientId: request.clientId };
}

/** 128 random bits. */
function newClientId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
