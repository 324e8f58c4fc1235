/**
 * The fault test's cluster: several nodes, each a separate process with its own port and data folder, on one real PostgreSQL and, if the run has
 * one, one real Redis. Each node reaches both over its own lines (`lines.ts`), which the faults cut and slow down. `plan.ts` says what
 * happens, and `breakdown.ts` makes it happen. Imports nothing of the server.
 */
import { appendFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { PostgresServer } from "../../packages/server/test/postgres-server.ts";
import { RedisServer } from "../../packages/server/test/redis-server.ts";
import type { ServerLife } from "../check-starts.ts";
import { Child } from "../child.ts";
import type { FaultPlan, Installation, ServerFaults } from "../installation.ts";
import { monotonicMs } from "../monotonic-clock.ts";
import { Problems } from "../problems.ts";
import { runParley } from "../server.ts";
import { type Trouble, type TroubleKind, Troubles } from "../troubles.ts";
import { Breakdown, type Services } from "./breakdown.ts";
import type { LinesCall } from "./lines.ts";
import { ClusterNode } from "./node.ts";
import type { BusKind } from "./plan.ts";

/** On PostgreSQL a node waits 5 s before it drains, for balancers that check whether it is ready. Here nobody checks. */
const DRAIN_DELAY_SECONDS = "1";
/** After the faults every node has to be ready within this time. */
const READY_MS = 60_000;
const LOOK_MS = 200;
export const NODE_TROUBLE = "node in trouble";

export interface ClusterOptions {
  readonly nodes: number;
  readonly bus: BusKind;
  /** Where the nodes' logs are kept. */
  readonly logs: string | undefined;
}

export class Cluster implements Installation {
  readonly #options: ClusterOptions;
  readonly #troubles = new Troubles();
  readonly #nodes: ClusterNode[] = [];
  readonly problems = new Problems();
  /** What one node has acknowledged holds on the others within this time, if they reach each other. */
  readonly elsewhereMs = 1_000;
  #services: Services | undefined;
  #breakdown: Breakdown | undefined;

  private constructor(options: ClusterOptions) {
    this.#options = options;
  }

  /** Starts the services. The nodes already have their ports; `start` starts them. */
  static async open(options: ClusterOptions): Promise<Cluster> {
    const cluster = new Cluster(options);
    if (options.logs !== undefined) mkdirSync(options.logs, { recursive: true });
    try {
      await cluster.#open();
      return cluster;
    } catch (error) {
      await cluster.remove();
      throw error;
    }
  }

  get nodes(): readonly ClusterNode[] {
    return this.#nodes;
  }

  get services(): Services {
    if (!this.#services) throw new Error("the cluster is not open");
    return this.#services;
  }

  get ports(): number[] {
    return this.#nodes.map(({ port }) => port);
  }

  get place() {
    return { url: this.services.databaseUrl };
  }

  get lives(): readonly ServerLife[] {
    return this.#nodes.flatMap(({ lives }) => lives);
  }

  get troubles(): readonly Trouble[] {
    return this.#troubles.all;
  }

  get movesClock(): boolean {
    return this.#nodes.every(({ clock }) => clock.moves);
  }

  get faults(): ServerFaults {
    const counts = this.#breakdown?.counts;
    const clockJumps = this.#nodes[0]?.clock.jumps ?? 0;
    return { kills: counts?.kill ?? 0, drains: counts?.drain ?? 0, clockJumps, more: counts };
  }

  async start(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.start()));
  }

  async breakDown(plan: FaultPlan): Promise<void> {
    this.#breakdown = new Breakdown(this, plan, this.#options.bus);
    await this.#breakdown.run();
    await this.#allReady();
  }

  /** Writes beside the nodes' logs what happens to them. */
  note(text: string): void {
    const { logs } = this.#options;
    const at = `${new Date().toISOString()} ${Math.round(monotonicMs())}`;
    if (logs !== undefined) appendFileSync(join(logs, "faults.log"), `${at} ${text}\n`);
  }

  /** @returns what ends it */
  trouble(nodes: readonly number[], kind: TroubleKind): () => void {
    return this.#troubles.begin(nodes, kind);
  }

  /** Sets the clocks of all nodes together, so that they agree with each other and not with the database. */
  jumpTo(offsetMs: number): void {
    for (const { clock } of this.#nodes) clock.set(offsetMs);
  }

  async parley(...args: string[]): Promise<void> {
    const [node] = this.#nodes as [ClusterNode];
    await runParley({ ...node.commandEnv, DATABASE_URL: this.services.databaseUrl }, args);
  }

  async stop(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.drain()));
  }

  killNow(): void {
    for (const node of this.#nodes) node.signal("SIGKILL");
  }

  async remove(): Promise<void> {
    await Promise.all(this.#nodes.map((node) => node.remove()));
    await this.#services?.lines.end();
    await this.#services?.redis?.stop();
    await this.#services?.postgres.stop();
  }

  async #open(): Promise<void> {
    const postgres = await PostgresServer.start({ forRun: true, settings: { autovacuum: "on" } });
    const redis = this.#options.bus === "redis" ? await RedisServer.start({ forRun: true }) : undefined;
    const lines = new Child<LinesCall>("./cluster/lines.ts");
    const databaseUrl = await postgres.keptDatabase();
    this.#services = { postgres, redis, lines, databaseUrl };
    const numbers = Array.from({ length: this.#options.nodes }, (_, number) => number);
    const to = numbers.flatMap(() => [postgres.port, ...(redis ? [redis.port] : [])]);
    const ports = await lines.ask<number[]>({ ask: "open", to });
    for (const number of numbers) {
      const database = ports[this.lineOf(number, "database")] as number;
      const settings = {
        DRAIN_DELAY_SECONDS,
        DATABASE_URL: databaseUrl.replace(/:\d+\//, `:${database}/`),
        ...(redis && { REDIS_URL: redis.url(ports[this.lineOf(number, "bus")]) }),
      };
      const { logs } = this.#options;
      this.#nodes.push(
        new ClusterNode({
          number,
          settings,
          troubles: this.#troubles,
          logFile: logs === undefined ? undefined : join(logs, `node-${number}.log`),
          diedAlone: (why) => this.problems.add(NODE_TROUBLE, why),
        }),
      );
    }
  }

  /** Which of the lines leads from a node to a service. */
  lineOf(node: number, to: "database" | "bus"): number {
    return this.#options.bus === "redis" ? node * 2 + (to === "bus" ? 1 : 0) : node;
  }

  async #allReady(): Promise<void> {
    const deadline = performance.now() + READY_MS;
    for (const { number, url } of this.#nodes) {
      for (let said = ""; said !== "ready"; ) {
        said = await readiness(url);
        if (said === "ready") break;
        if (performance.now() > deadline) {
          this.problems.add(NODE_TROUBLE, `node ${number} is not ready a minute after the faults: ${said}`);
          break;
        }
        await Bun.sleep(LOOK_MS);
      }
    }
  }
}

/** "ready", or what it says instead. */
async function readiness(url: string): Promise<string> {
  try {
    const response = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) });
    const text = await response.text();
    return response.status === 200 && !text.includes("degraded") ? "ready" : `${response.status} ${text}`;
  } catch (error) {
    return String(error);
  }
}
