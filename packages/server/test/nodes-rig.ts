import { mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client } from "pg";
import { type Bus, type NodeId, newNodeId } from "../src/bus/bus.ts";
import { MemoryBus } from "../src/bus/memory-bus.ts";
import { type DatabasePlace, prepareDatabase } from "../src/db/open.ts";
import { ThreadedRunner } from "../src/db/threaded-runner.ts";
import { carryError } from "../src/db/write-batch.ts";
import type { BatchRunner } from "../src/db/writer.ts";
import { LivingNodes } from "../src/nodes/liveness.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, type Settings, signUp, TestServer } from "./harness.ts";
import { sharedPostgres } from "./postgres-server.ts";
import { RedisServer } from "./redis-server.ts";
import { onPostgres, TABLES } from "./test-database.ts";

const WRITER_THREAD = new URL("../src/writer-thread.ts", import.meta.url);

interface RunningNode {
  readonly id: NodeId;
  readonly server: TestServer;
  readonly living: LivingNodes;
}

/**
 * Several nodes in one process: whole servers. On PostgreSQL they are a real cluster: each writes by itself and has its own lease, and NOTIFY is their
 * bus, or Redis with `TEST_BUS=redis`. Otherwise they have a bus in memory and one SQLite database that one thread writes for all; what one of them has
 * committed reaches the others by the log, as soon as it is known that there is something.
 */
export class TestNodes implements AsyncDisposable {
  readonly #dir = mkdtempSync(join(tmpdir(), "parley-nodes-"));
  readonly #bus = new MemoryBus();
  readonly #nodes: RunningNode[] = [];
  readonly #silent = new Set<NodeId>();
  readonly #settings: Settings;
  /** True: whatever is written fails, as on a full disk. */
  failWrites = false;
  #thread: ThreadedRunner | undefined;
  #place: DatabasePlace = { file: "" };
  /** One batch at a time, whichever node it comes from. */
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(settings: Settings) {
    this.#settings = settings;
  }

  static async start(count: number, settings: Settings = {}): Promise<TestNodes> {
    const nodes = new TestNodes(onPostgres ? { ...settings, ...(await clusterSettings()) } : settings);
    if (!onPostgres) await nodes.#open();
    for (let i = 0; i < count; i++) await nodes.add();
    return nodes;
  }

  get servers(): readonly TestServer[] {
    return this.#nodes.map(({ server }) => server);
  }

  /** The nth node. */
  at(index: number): TestServer {
    const node = this.#nodes[index];
    if (!node) throw new Error(`there is no node ${index}`);
    return node.server;
  }

  idOf(index: number): NodeId {
    return this.#nodes[index]?.id ?? "";
  }

  /** Starts one more node, which the others see at once. */
  async add(): Promise<TestServer> {
    if (onPostgres) return this.#addToCluster();
    const id = newNodeId();
    const living = new LivingNodes();
    // Leases, and a supervisor, say so before a node serves anybody.
    for (const other of this.#nodes) {
      other.living.up(id);
      living.up(other.id);
    }
    const server = await TestServer.start(this.#settings, {
      dir: this.#dir,
      place: { self: id, bus: this.#openBus(id), liveness: living },
      writer: { shared: { place: this.#place, runner: this.#newRunner() } },
    });
    this.#nodes.push({ id, server, living });
    return server;
  }

  /** From now on a node counts as dead to the others; its connections stay, so that its clients do not notice. */
  async declareDead(index: number): Promise<void> {
    if (onPostgres) {
      const client = new Client(this.#settings.DATABASE_URL);
      await client.connect();
      await client.query("delete from nodes where node = $1", [this.idOf(index)]);
      await client.end();
      // The others look at the leases now, and not up to 3 s later.
      this.at(index).context.channel.send("bye", {});
      return;
    }
    const [dead] = this.#nodes.slice(index, index + 1);
    for (const other of this.#nodes) if (other !== dead) other.living.down(dead?.id ?? "");
  }

  /** From now on nothing that a node says to the others gets through, though it goes on. */
  silence(index: number): void {
    this.#silent.add(this.idOf(index));
  }

  /** Stops a node in order; then the others see that it has gone. */
  async stop(index: number): Promise<void> {
    const [gone] = this.#nodes.splice(index, 1);
    await gone?.server.stop();
    for (const other of this.#nodes) other.living.down(gone?.id ?? "");
  }

  /** A new account, signed in over HTTP by the first node. */
  async person(name: string): Promise<Person> {
    return signUp(this.at(0).url, name);
  }

  /** The same person, whose requests go to the nth node. */
  on(index: number, person: Person): Person {
    return { ...person, api: new ApiClient(this.at(index).url, person.token) };
  }

  /** Resolves when every node has handed on what the log has now. */
  async settled(): Promise<void> {
    for (const { storage } of this.servers) await storage.announcer.catchUpWithLog();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    while (this.#nodes.length > 0) await this.stop(this.#nodes.length - 1);
    await this.#thread?.close();
    rmSync(this.#dir, { recursive: true, force: true });
  }

  async #open(): Promise<void> {
    const dir = join(this.#dir, "data");
    mkdirSync(dir);
    this.#place = await prepareDatabase({ dir, databaseUrl: undefined }, Date.now());
    this.#thread = new ThreadedRunner({
      entry: WRITER_THREAD,
      onDeath: (error) => {
        throw error;
      },
    });
    await this.#thread.open(this.#place);
  }

  async #addToCluster(): Promise<TestServer> {
    const server = await TestServer.start(this.#settings);
    this.#nodes.push({ id: server.node, server, living: new LivingNodes() });
    return server;
  }

  #openBus(id: NodeId): Bus {
    const bus = this.#bus.open(id);
    return {
      publish: (message) => {
        if (!this.#silent.has(id)) bus.publish(message);
      },
      subscribe: (listener) => bus.subscribe(listener),
      onRestored: (listener) => bus.onRestored(listener),
    };
  }

  #newRunner(): BatchRunner {
    const thread = this.#thread as ThreadedRunner;
    const inTurn = <T>(work: () => Promise<T>): Promise<T> => {
      const done = this.#busy.then(work);
      this.#busy = done.catch(() => {});
      return done;
    };
    return {
      run: async (requests) => {
        if (this.failWrites) return { failed: carryError(new Error("the disk is full")) };
        const reply = await inTurn(() => thread.run(requests));
        const last = "events" in reply ? reply.events.at(-1) : undefined;
        // A node that is stopping may have closed its database; one that goes on finds the rest in the log, as in production.
        const heard = () => {};
        if (last)
          for (const { server } of this.#nodes) server.storage.announcer.announceUpTo(last.pos).then(heard, heard);
        return reply;
      },
      truncateJournal: () => inTurn(() => thread.truncateJournal()),
      close: async () => {},
    };
  }
}

async function clusterSettings(): Promise<Settings> {
  const url = await (await sharedPostgres()).freshDatabase(TABLES);
  if (process.env.TEST_BUS !== "redis") return { DATABASE_URL: url };
  return { DATABASE_URL: url, REDIS_URL: (await RedisServer.start()).url() };
}
