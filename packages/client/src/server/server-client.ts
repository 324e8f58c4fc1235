import { Http } from "../api/http.ts";
import { ParleyError } from "../api/parley-error.ts";
import { pathOf } from "../api/routes.ts";
import { backoffMs } from "../lib/backoff.ts";
import { type Fetch, platform } from "../lib/surroundings.ts";
import { pause } from "../lib/timers.ts";
import { TIMING, type Timing } from "../lib/timing.ts";
import { checkServerOptions, type ServerClientOptions } from "./options.ts";
import { pathTexts, type Ref } from "./path-texts.ts";
import { RequestError } from "./request-error.ts";
import type { ServerRoutes } from "./server-api-types.ts";

/*
 * server/: the caller for the product's own backend, which has a server key: people, rooms and messages by the product's ids. It
 * runs in Node and Bun, never in a page, and keeps no connection. Every request may be repeated, so each is: where the server is
 * away, overloaded or says that there were too many, the same request goes again, with the same clientId or dedupeKey, as long as `tries` allows.
 * The types of what routes take and answer are made from the server's document (`server-api-types.ts`). It imports lib/ and api/ only.
 */

export type ServerRoute = keyof ServerRoutes;
type Body<R extends ServerRoute> = ServerRoutes[R]["args"] extends { body?: infer B } ? NonNullable<B> : never;
type Query<R extends ServerRoute> = ServerRoutes[R]["args"] extends { query?: infer Q } ? NonNullable<Q> : never;
export type ServerReply<R extends ServerRoute> = ServerRoutes[R]["reply"];

/** A message to send; without a `clientId` it gets one of its own. */
export type NewMessage = SentMessage extends infer M ? (M extends SentMessage ? WithoutId<M> : never) : never;
type SentMessage = Exclude<Body<"POST /server/messages">, { items: unknown }>;
type WithoutId<M extends SentMessage> = Omit<M, "clientId"> & { clientId?: string };
type OneMessage = Exclude<ServerReply<"POST /server/messages">, { items: unknown }>;
type MessageResults = Extract<ServerReply<"POST /server/messages">, { items: unknown }>;

export interface Call {
  /** Gives the request up, and all further tries. */
  readonly signal?: AbortSignal | undefined;
}

interface Ask extends Call {
  readonly path?: Readonly<Record<string, Ref>>;
  readonly query?: Readonly<Record<string, unknown>> | undefined;
  readonly body?: unknown;
  /** How long one try may take, in place of the usual time. */
  readonly withinMs?: number;
}

/**
 * Calls one server with one key. Every method rejects with a `ParleyError`: its `code` is the server's, its `path` the place in the request
 * that is wrong, where one is. Nothing is kept between calls, so one of these serves a whole backend.
 */
export class ServerClient {
  readonly #http: Http;
  readonly #key: string;
  readonly #tries: number;
  readonly #timing: Timing;
  readonly #random: () => number;

  /** @throws TypeError that names a wrong option */
  constructor(options: ServerClientOptions, timing: Partial<Timing> = {}) {
    const url = checkServerOptions(options);
    const { fetch, random } = platform({ fetch: options.fetch });
    this.#http = new Http(url, nameFailures(fetch, url), () => {});
    this.#key = options.key;
    this.#tries = options.tries ?? 5;
    this.#timing = { ...TIMING, ...timing };
    this.#random = random;
  }

  /** Makes a person, or changes what is given of them. */
  putUser(user: Ref, fields: Body<"PUT /server/users/{user}"> = {}, call?: Call) {
    return this.#ask("PUT /server/users/{user}", { path: { user }, body: fields, ...call });
  }

  getUser(user: Ref, call?: Call) {
    return this.#ask("GET /server/users/{user}", { path: { user }, ...call });
  }

  /** Up to 100; each one's result stands at its place. */
  putUsers(items: Body<"POST /server/users">["items"], call?: Call) {
    return this.#ask("POST /server/users", { body: { items }, ...call });
  }

  deleteUser(user: Ref, call?: Call) {
    return this.#ask("DELETE /server/users/{user}", { path: { user }, ...call });
  }

  /** Make a token with which one of the person's devices signs in. */
  makeToken(user: Ref, wish: Body<"POST /server/users/{user}/tokens"> = {}, call?: Call) {
    return this.#ask("POST /server/users/{user}/tokens", { path: { user }, body: wish, ...call });
  }

  /** Signs the person out on all their devices. */
  endLogins(user: Ref, call?: Call) {
    return this.#ask("DELETE /server/users/{user}/logins", { path: { user }, ...call });
  }

  /** Makes a managed room, or changes what is given of a room. */
  putRoom(room: Ref, fields: Body<"PUT /server/rooms/{room}"> = {}, call?: Call) {
    return this.#ask("PUT /server/rooms/{room}", { path: { room }, body: fields, ...call });
  }

  getRoom(room: Ref, call?: Call) {
    return this.#ask("GET /server/rooms/{room}", { path: { room }, ...call });
  }

  deleteRoom(room: Ref, call?: Call) {
    return this.#ask("DELETE /server/rooms/{room}", { path: { room }, ...call });
  }

  /** A page of the room's history. */
  listMessages(room: Ref, query: Query<"GET /server/rooms/{room}/messages"> = {}, call?: Call) {
    return this.#ask("GET /server/rooms/{room}/messages", { path: { room }, query, ...call });
  }

  /** Brings people in and takes others out; `unknown: "skip"` leaves out those whom nobody knows. */
  changeMembers(
    room: Ref,
    { unknown, ...body }: Body<"POST /server/rooms/{room}/members"> & { unknown?: "skip" },
    call?: Call,
  ) {
    return this.#ask("POST /server/rooms/{room}/members", { path: { room }, query: { unknown }, body, ...call });
  }

  /** The message as it is stored; with the same `clientId` again, the first one. */
  send(message: NewMessage, call?: Call): Promise<OneMessage> {
    return this.#ask("POST /server/messages", { body: withId(message), ...call }) as Promise<OneMessage>;
  }

  /** Up to 100 at once; each one's result stands at its place. */
  sendAll(messages: readonly NewMessage[], call?: Call): Promise<MessageResults> {
    const body = { items: messages.map(withId) };
    return this.#ask("POST /server/messages", { body, ...call }) as Promise<MessageResults>;
  }

  /** Tells people something that stays in their lists and makes a dot; `unknown: "skip"` leaves out those whom nobody knows. */
  notify(
    { unknown, ...notification }: Body<"POST /server/notifications"> & { unknown?: "skip" | undefined },
    call?: Call,
  ) {
    const body = withDedupeKey(notification);
    return this.#ask("POST /server/notifications", { query: { unknown }, body, ...call });
  }

  /** Changes a notification for everybody who has it. */
  changeNotification(id: number, changes: Body<"PATCH /server/notifications/{id}">, call?: Call) {
    return this.#ask("PATCH /server/notifications/{id}", { path: { id: String(id) }, body: changes, ...call });
  }

  /** A matter is settled: none of its notifications makes a dot any more. */
  settle(kind: string, key: string, call?: Call) {
    return this.#ask("PUT /server/notifications/{kind}/{key}/done", { path: { kind, key }, ...call });
  }

  /** Takes the notifications of a matter back from everybody who has them. */
  takeBack(kind: string, key: string, call?: Call) {
    return this.#ask("DELETE /server/notifications/{kind}/{key}", { path: { kind, key }, ...call });
  }

  /** Pushes an event of the product's own: in no list, and without a dot; `unknown: "skip"` leaves out those whom nobody knows. */
  push({ unknown, ...event }: Body<"POST /server/events"> & { unknown?: "skip" | undefined }, call?: Call) {
    return this.#ask("POST /server/events", { query: { unknown }, body: withDedupeKey(event), ...call });
  }

  /** Which of these people are online, and how many people are online in all. */
  presence(users: readonly Ref[], query: Query<"POST /server/presence"> = {}, call?: Call) {
    return this.#ask("POST /server/presence", { query, body: { users }, ...call });
  }

  /**
   * What has happened since a cursor, in order; without one, the cursor of this moment. With `wait` the answer comes as soon as there is something, or after so many
   * seconds. Keep the cursor of the answer once you have handled its events, and go on with it.
   */
  feed(query: Query<"GET /server/feed"> = {}, call?: Call) {
    const withinMs = this.#timing.requestMs + 1000 * (query.wait ?? 0);
    return this.#ask("GET /server/feed", { query, withinMs, ...call });
  }

  async #ask<R extends ServerRoute>(route: R, { path = {}, ...ask }: Ask): Promise<ServerReply<R>> {
    const [method = "", template = ""] = route.split(" ");
    const address = pathOf(template, pathTexts(path));
    const signal = ask.signal ?? new AbortController().signal;
    for (let tried = 1; ; tried++) {
      try {
        const request = { withinMs: this.#timing.requestMs, ...ask, signal, token: this.#key };
        return (await this.#http.call(method, address, request)) as ServerReply<R>;
      } catch (error) {
        const again = error instanceof ParleyError && error.canRetry && tried < this.#tries && !signal.aborted;
        if (!again) throw error instanceof ParleyError ? RequestError.of(error) : error;
        await pause(error.retryAfterMs ?? backoffMs(tried - 1, this.#random(), this.#timing), signal);
        if (signal.aborted) throw RequestError.of(error);
      }
    }
  }
}

/**
 * Says which server does not answer, and the platform's word for it where there is one, such as ECONNREFUSED or one for a bad
 * certificate: Bun tells it at once, Node behind the error.
 */
function nameFailures(fetch: Fetch, url: string): Fetch {
  return (address, init) =>
    fetch(address, init).catch((error?: { code?: unknown; cause?: { code?: unknown } }) => {
      const why = error?.cause?.code ?? error?.code;
      throw new ParleyError(0, { title: `No answer from ${url}${typeof why === "string" ? ` (${why})` : ""}` });
    });
}

/** The same for notifications and events. */
function withDedupeKey<T extends { dedupeKey?: string | undefined }>(request: T): T & { dedupeKey: string } {
  return { ...request, dedupeKey: request.dedupeKey ?? crypto.randomUUID() };
}

/** Given once for all tries, so that a lost answer makes no second message. */
function withId<M extends NewMessage>(message: M): M & { clientId: string } {
  return { ...message, clientId: message.clientId ?? crypto.randomUUID() };
}
