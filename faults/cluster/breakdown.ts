import { Client } from "pg";
import { InTurn } from "../../packages/server/src/lib/in-turn.ts";
import type { PostgresServer } from "../../packages/server/test/postgres-server.ts";
import type { RedisServer } from "../../packages/server/test/redis-server.ts";
import type { Child } from "../child.ts";
import type { FaultPlan } from "../installation.ts";
import type { TroubleKind } from "../troubles.ts";
import type { LinesCall } from "./lines.ts";
import type { ClusterNode } from "./node.ts";
import { type BusKind, type ClusterFault, type ClusterIncident, ClusterPlan, KILLS_PER_ROUND } from "./plan.ts";

/** Ends one of the nodes' connections to the database, as an administrator could: preferably the one that listens. */
const END_ONE = `select pg_terminate_backend(pid) from (
  select pid from pg_stat_activity where application_name like 'parley%' and pid <> pg_backend_pid()
  order by application_name <> 'parley bus', random() limit 1) as one`;

/** The services that the nodes need, and their lines to them. */
export interface Services {
  readonly postgres: PostgresServer;
  readonly redis: RedisServer | undefined;
  readonly databaseUrl: string;
  readonly lines: Child<LinesCall>;
}

/** What can be broken. */
interface Breakable {
  readonly nodes: readonly ClusterNode[];
  readonly services: Services;
  lineOf(node: number, to: "database" | "bus"): number;
  /** @returns what ends it */
  trouble(nodes: readonly number[], kind: TroubleKind): () => void;
  note(text: string): void;
}

/** Carries out the plan. Faults of one node, or of one service, happen one after another; those of different ones happen at the same time. */
export class Breakdown {
  readonly #cluster: Breakable;
  readonly #plan: ClusterPlan;
  readonly #parts: FaultPlan;
  readonly #turns = new InTurn<number | string>();
  readonly counts: Partial<Record<ClusterFault, number>> = {};

  constructor(cluster: Breakable, parts: FaultPlan, bus: BusKind) {
    this.#cluster = cluster;
    this.#parts = parts;
    this.#plan = new ClusterPlan(parts.random, { nodes: cluster.nodes.length, bus });
  }

  /** Resolves when everything that broke works again. */
  async run(): Promise<void> {
    const { kills, seconds, lull } = this.#parts;
    const rounds = Math.ceil(kills / KILLS_PER_ROUND);
    const spanMs = (seconds * 1000) / Math.max(1, rounds * this.#plan.perRound);
    const begunAt = performance.now();
    const begun: Promise<void>[] = [];
    for (let at = 0, round = 0; round < rounds; round++) {
      for (const incident of this.#plan.round()) {
        await Bun.sleep(Math.max(0, begunAt + ++at * spanMs - performance.now()));
        await lull.over;
        begun.push(this.#happen(incident));
      }
    }
    await Promise.all(begun);
  }

  async #happen(incident: ClusterIncident): Promise<void> {
    const subject =
      "node" in incident ? incident.node : incident.kind.includes("database") ? "database" : incident.kind;
    await this.#turns.run(subject, async () => {
      this.counts[incident.kind] = (this.counts[incident.kind] ?? 0) + 1;
      const text = JSON.stringify(incident);
      this.#cluster.note(text);
      await this.#do(incident);
      this.#cluster.note(`over: ${text}`);
    });
  }

  async #do(incident: ClusterIncident): Promise<void> {
    const { postgres, redis, databaseUrl } = this.#cluster.services;
    switch (incident.kind) {
      case "kill": {
        const node = this.#node(incident.node);
        await this.#parts.strand(incident.node, incident.strandsMs);
        await node.kill();
        await Bun.sleep(incident.awayMs);
        return node.start();
      }
      case "drain": {
        const node = this.#node(incident.node);
        await node.drain();
        return node.start();
      }
      case "stop":
      case "long stop":
        return this.#node(incident.node).standStill(incident.ms);
      case "cut from bus":
        return this.#cut("bus", incident);
      case "cut from database":
        return this.#cut("database", incident);
      case "slow database":
        return this.#slow(incident);
      case "bus restarts":
        return this.#without("no bus", async () => {
          await redis?.kill();
          await Bun.sleep(incident.awayMs);
          await redis?.startAgain();
        });
      case "database restarts":
        return this.#without("no database", async () => {
          await (incident.how === "SIGKILL" ? postgres.kill() : postgres.stopImmediately());
          await Bun.sleep(incident.awayMs);
          await postgres.startAgain();
        });
      case "connection ended":
        return this.#without("no bus", async () => {
          // While the database restarts there is no connection to end.
          await postgres.query(END_ONE).catch(() => {});
        });
      case "open notify":
        return holdNotify(databaseUrl, incident.ms);
    }
  }

  #node(number: number): ClusterNode {
    return this.#cluster.nodes[number] as ClusterNode;
  }

  async #cut(to: "bus" | "database", incident: ClusterIncident & { kind: "cut from bus" | "cut from database" }) {
    const { lines } = this.#cluster.services;
    const line = this.#cluster.lineOf(incident.node, to);
    const end = this.#cluster.trouble([incident.node], to === "bus" ? "no bus" : "no database");
    await lines.ask({ ask: incident.how, line });
    await Bun.sleep(incident.ms);
    await lines.ask({ ask: "heal", line });
    end();
  }

  async #slow({ node, ms, delayMs }: ClusterIncident & { kind: "slow database" }): Promise<void> {
    const { lines } = this.#cluster.services;
    const nodes = node === "all" ? this.#all : [node];
    const end = this.#cluster.trouble(nodes, "slow database");
    const delay = (by: number) =>
      Promise.all(nodes.map((one) => lines.ask({ ask: "delay", line: this.#cluster.lineOf(one, "database"), ms: by })));
    await delay(delayMs);
    await Bun.sleep(ms);
    await delay(0);
    end();
  }

  get #all(): number[] {
    return this.#cluster.nodes.map(({ number }) => number);
  }

  async #without(what: TroubleKind, act: () => Promise<void>): Promise<void> {
    const ended = this.#cluster.trouble(this.#all, what);
    await act();
    ended();
  }
}

/** The connection may end because the database does. */
async function holdNotify(databaseUrl: string, ms: number): Promise<void> {
  const other = new Client({ connectionString: databaseUrl });
  other.on("error", () => {});
  try {
    await other.connect();
    await other.query("begin");
    await other.query("select pg_notify('parley', 'not ours')");
    await Bun.sleep(ms);
    await other.query("commit");
  } catch {
    // The database was restarted meanwhile.
  } finally {
    await other.end().catch(() => {});
  }
}
