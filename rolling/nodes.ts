import { delay } from "../packages/server/src/lib/interval.ts";
import { uptimeMs } from "../packages/server/src/lib/uptime.ts";
import { lastingPort } from "../packages/server/test/free-port.ts";
import { PostgresServer } from "../packages/server/test/postgres-server.ts";
import { ServerProcess } from "../packages/server/test/server-process.ts";

const BACK_MS = 30_000;

/** A drain takes all of its time, however few connections there are, as with thousands of them. */
const SLOW_DRAIN = { entry: new URL("../packages/server/test/slow-drain.ts", import.meta.url).pathname };

/** Several nodes on one database of a private PostgreSQL, each on a port of its own that it has again after a restart. */
export class Nodes {
  readonly #postgres: PostgresServer;
  readonly nodes: readonly ServerProcess[];

  private constructor(postgres: PostgresServer, nodes: readonly ServerProcess[]) {
    this.#postgres = postgres;
    this.nodes = nodes;
  }

  static async start(count: number, settings: Record<string, string>): Promise<Nodes> {
    const postgres = await PostgresServer.start();
    const databaseUrl = await postgres.freshDatabase();
    const nodes = Array.from({ length: count }, () => {
      return new ServerProcess({ ...settings, DATABASE_URL: databaseUrl, PORT: String(lastingPort()) }, SLOW_DRAIN);
    });
    for (const node of nodes) await node.start();
    return new Nodes(postgres, nodes);
  }

  get ports(): number[] {
    return this.nodes.map(({ url }) => Number(new URL(url).port));
  }

  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.remove()));
    await this.#postgres.stop();
  }
}

export interface Restart {
  readonly exitCode: number;
  /** From SIGTERM to the end of the process, and from there until it is ready again. */
  readonly stopMs: number;
  readonly startMs: number;
}

/** SIGTERM, and a new process when that one has ended. */
export async function restart(node: ServerProcess): Promise<Restart> {
  const asked = uptimeMs();
  const exitCode = await node.stop();
  const ended = uptimeMs();
  await node.start();
  return { exitCode, stopMs: ended - asked, startMs: uptimeMs() - ended };
}

/** Resolves when a node has answered requests of the API again: it is time for the next one. */
export async function takenUp(node: ServerProcess, requests: number, isOver: () => boolean): Promise<void> {
  const deadline = uptimeMs() + BACK_MS;
  while ((await requestsOf(node)) < requests && !isOver()) {
    if (uptimeMs() > deadline) throw new Error("the balancer sends nothing to a node that is back");
    await delay(100);
  }
}

async function requestsOf(node: ServerProcess): Promise<number> {
  const page = await (await fetch(`${node.url}/metrics`)).text();
  const counts = page.matchAll(/^parley_http_requests_total\{[^}]*route="\/api[^}]*\} (\d+)/gm);
  return [...counts].reduce((sum, [, count]) => sum + Number(count), 0);
}
