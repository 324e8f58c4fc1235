import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Push } from "@parley/protocol";
import type { NodeId } from "../src/bus/bus.ts";
import { loadConfig } from "../src/config/config.ts";
import type { Context } from "../src/context.ts";
import type { DatabasePlace, DataSettings } from "../src/db/open.ts";
import type { Hub } from "../src/gateway/hub.ts";
import type { Clock } from "../src/lib/clock.ts";
import type { NodePlace } from "../src/nodes/channel.ts";
import { createLogger } from "../src/ops/logger.ts";
import type { Metrics } from "../src/ops/metrics.ts";
import { Server } from "../src/server.ts";
import type { Feed } from "../src/server-api/feed.ts";
import type { Storage, WriterOverrides } from "../src/storage.ts";
import { ApiClient } from "./api-client.ts";
import { endLater } from "./left-running.ts";
import { LiveClient, type LiveOptions } from "./live-client.ts";
import { dataEnv, dropDatabase, newDatabase, placeOf } from "./test-database.ts";

/** Settings of a server under test, as environment variables. */
export type Settings = Record<string, string>;

/** Replacements for what production uses. */
export interface Overrides {
  /** The clock of both threads. */
  readonly clock?: Clock;
  readonly writer?: Omit<WriterOverrides, "clock">;
  /** Its place among other nodes, whose folder it shares. */
  readonly place?: NodePlace;
  readonly dir?: string;
}

/** A whole server on a free port with a separate folder, and people who use it. It ends with its test or file at the latest. */
export class TestServer {
  readonly dir: string;
  readonly #settings: Settings;
  readonly #overrides: Overrides;
  readonly #clients: LiveClient[] = [];
  /** Log lines so far. */
  readonly log: string[] = [];
  #server: Server | undefined;
  #data: DataSettings | undefined;
  #url = "";
  readonly #ended = endLater(() => this.stop());

  private constructor(settings: Settings, overrides: Overrides) {
    this.dir = overrides.dir ?? mkdtempSync(join(tmpdir(), "parley-test-"));
    this.#settings = settings;
    this.#overrides = overrides;
  }

  static async start(settings: Settings = {}, overrides: Overrides = {}): Promise<TestServer> {
    const server = new TestServer(settings, overrides);
    await server.#start();
    return server;
  }

  get url(): string {
    return this.#url;
  }

  /** The register of its live connections. */
  get hub(): Hub {
    if (!this.#server?.gateway) throw new Error("the server has not started");
    return this.#server.gateway.hub;
  }

  get feed(): Feed {
    if (!this.#server?.feed) throw new Error("the server has not started");
    return this.#server.feed;
  }

  /** Where its data is. */
  get data(): DataSettings {
    if (!this.#data) throw new Error("the server has not started");
    return this.#data;
  }

  /** For a test that opens its database beside it. */
  get place(): DatabasePlace {
    return placeOf(this.data);
  }

  get context(): Context {
    if (!this.#server?.context) throw new Error("the server has not started");
    return this.#server.context;
  }

  get metrics(): Metrics {
    if (!this.#server) throw new Error("the server has not started");
    return this.#server.metrics;
  }

  /** Its id among the nodes, of this start. */
  get node(): NodeId {
    return this.context.channel.place.self;
  }

  get storage(): Storage {
    if (!this.#server?.storage) throw new Error("the server has not started");
    return this.#server.storage;
  }

  /** Stops and starts again, on the same data and another port. @param meanwhile is done in between */
  async restart(meanwhile: () => Promise<unknown> = async () => {}): Promise<void> {
    await this.#server?.stop();
    await meanwhile();
    await this.#start();
  }

  async stop(): Promise<void> {
    this.#ended();
    for (const client of this.#clients) client.close();
    await this.#server?.stop();
    if (this.#data) await dropDatabase(this.#data);
    if (!this.#overrides.dir) rmSync(this.dir, { recursive: true, force: true });
  }

  /** Anonymous requests. */
  get api(): ApiClient {
    return new ApiClient(this.#url);
  }

  /** A new account, signed in over HTTP. */
  async person(name: string): Promise<Person> {
    return signUp(this.#url, name);
  }

  /** A live connection; resolves when it is open. */
  async connect(options: LiveOptions = {}): Promise<LiveClient> {
    const client = await LiveClient.open(options.url ?? this.#url, options);
    this.#clients.push(client);
    return client;
  }

  /** A person's connection that has its first frames; it is live unless `?resume=1` was asked for. */
  async live(person: Person, options: LiveOptions = {}): Promise<LiveClient> {
    const client = await this.connect({ ...options, token: person.token });
    await client.frame(Push.RED_DOT);
    return client;
  }

  /** A group; returns its id. */
  async room(owner: Person, members: readonly Person[], name = "g"): Promise<number> {
    const memberIds = members.map(({ uid }) => uid);
    return (await owner.api.ok<{ id: number }>("POST", "/rooms", { name, memberIds })).id;
  }

  async #start(): Promise<void> {
    this.#data ??= await newDatabase(join(this.dir, "data"));
    const env = {
      ...dataEnv(this.#data),
      HOST: "127.0.0.1",
      PORT: "0",
      RATE_LIMITS: "off",
      DRAIN_SECONDS: "0",
      DRAIN_DELAY_SECONDS: "0",
      ...this.#settings,
    };
    const { config } = loadConfig(env);
    const logger = createLogger({ level: config.logLevel, sink: { write: (line) => void this.log.push(line) } });
    const { dir: _, ...overrides } = this.#overrides;
    this.#server = new Server(config, { logger, ...overrides });
    this.#url = (await this.#server.start()).url;
  }
}

export interface Person {
  readonly uid: number;
  readonly name: string;
  readonly token: string;
  readonly api: ApiClient;
}

/** The password of everybody who signs up. */
export const PASSWORD = "a long password";

let said = 0;

/** Sends a new message; returns when it is acknowledged. */
export async function say(person: Person, roomId: number, content: string): Promise<void> {
  const clientId = `said-${said++}`;
  await person.api.ok("POST", `/rooms/${roomId}/messages`, { clientId, type: 1, body: { content } });
}

export async function signUp(url: string, name: string): Promise<Person> {
  const { user, token } = await new ApiClient(url).ok<{ user: { uid: number }; token: string }>("POST", "/accounts", {
    name,
    password: PASSWORD,
  });
  return { uid: user.uid, name, token, api: new ApiClient(url, token) };
}
