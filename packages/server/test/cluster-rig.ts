import { ApiClient } from "./api-client.ts";
import { type Person, type Settings, TestServer } from "./harness.ts";
import { sharedPostgres } from "./postgres-server.ts";
import { RedisServer } from "./redis-server.ts";
import { TABLES } from "./test-database.ts";

/** What carries the bus. */
export type BusKind = "NOTIFY" | "Redis";

/** Several nodes in one process: whole servers, each with its own writer, on one real PostgreSQL database, with a real bus between them. */
export class TestCluster implements AsyncDisposable {
  readonly #settings: Settings;
  readonly #nodes: TestServer[] = [];
  readonly redis: RedisServer | undefined;

  private constructor(settings: Settings, redis: RedisServer | undefined) {
    this.#settings = settings;
    this.redis = redis;
  }

  static async start(count: number, parts: { bus?: BusKind; settings?: Settings } = {}): Promise<TestCluster> {
    const { bus = "NOTIFY", settings } = parts;
    const postgres = await sharedPostgres();
    const redis = bus === "Redis" ? await RedisServer.start() : undefined;
    const of = { DATABASE_URL: await postgres.freshDatabase(TABLES), ...(redis && { REDIS_URL: redis.url() }) };
    const cluster = new TestCluster({ ...of, ...settings }, redis);
    for (let i = 0; i < count; i++) await cluster.add();
    return cluster;
  }

  get databaseUrl(): string {
    return this.#settings.DATABASE_URL ?? "";
  }

  get servers(): readonly TestServer[] {
    return this.#nodes;
  }

  /** The nth node. */
  at(index: number): TestServer {
    const node = this.#nodes[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node;
  }

  /** @param settings those in which it differs from the others */
  async add(settings: Settings = {}): Promise<TestServer> {
    const server = await TestServer.start({ ...this.#settings, ...settings });
    this.#nodes.push(server);
    return server;
  }

  /** Stops a node in order. */
  async stop(index: number): Promise<void> {
    const [gone] = this.#nodes.splice(index, 1);
    await gone?.stop();
  }

  /** A new account, signed in over HTTP by the first node. */
  async person(name: string): Promise<Person> {
    return this.at(0).person(name);
  }

  /** The same person, whose requests go to the nth node. */
  on(index: number, person: Person): Person {
    return { ...person, api: new ApiClient(this.at(index).url, person.token) };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#nodes.length > 0) await this.stop(this.#nodes.length - 1);
    await this.redis?.stop();
  }
}
