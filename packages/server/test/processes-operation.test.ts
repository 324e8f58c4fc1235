import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { SeveralProcesses } from "./several-processes.ts";
import { onPostgres } from "./test-database.ts";
import { until } from "./webhook-receiver.ts";

const SPREAD = 12;
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

async function withProcesses(work: (server: SeveralProcesses) => Promise<void>, settings = {}): Promise<void> {
  const server = new SeveralProcesses(settings);
  try {
    await server.start();
    await work(server);
  } finally {
    await server.remove();
  }
}

async function parleyUser(server: SeveralProcesses, ...args: string[]): Promise<number> {
  return Bun.spawn([process.execPath, MAIN, "user", ...args], {
    env: server.commandEnv,
    stdio: ["ignore", "ignore", "inherit"],
  }).exited;
}

/** As many times as it takes to ask each process, but once in a thousand times. */
function everywhere<T>(ask: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: SPREAD }, ask));
}

const close = { headers: { Connection: "close" } };

async function metric(server: SeveralProcesses, line: string): Promise<number> {
  const text = await (await fetch(`${server.url}/metrics`, close)).text();
  const found = text.split("\n").find((one) => one.startsWith(`${line} `));
  return Number(found?.slice(line.length + 1) ?? Number.NaN);
}

test(
  "PROC-8: /metrics, the numbers and the list of processes are the machine's, whichever process is asked",
  () =>
    withProcesses(async (server) => {
      const ann = await signUp(server.url, "ann");
      expect(await parleyUser(server, "set", "ann", "--admin")).toBe(0);
      const clients = await everywhere(() => LiveClient.open(server.url, { token: ann.token }));
      await Promise.all(clients.map((client) => client.frame(Push.RED_DOT)));

      const websockets = await everywhere(() => metric(server, 'parley_connections{transport="websocket"}'));
      expect(websockets).toEqual(websockets.map(() => SPREAD));
      expect(await metric(server, "parley_processes")).toBe(2);
      // On PostgreSQL each of them is a node.
      const ofNodes = () => Promise.all(["parley_nodes", "parley_bus_works"].map((name) => metric(server, name)));
      if (onPostgres) await until("all buses work", async () => Bun.deepEquals(await ofNodes(), [3, 1]));
      else expect(await ofNodes()).toEqual([Number.NaN, Number.NaN]);
      // The journal is SQLite's.
      if (!onPostgres) expect(await metric(server, "parley_wal_bytes")).toBeGreaterThan(0);
      // Each event counts once, however many processes announce it.
      const counts = () =>
        Promise.all(["parley_events_appended_total", "parley_log_position"].map((name) => metric(server, name)));
      // On PostgreSQL the process that counts hears of what the others wrote a moment later.
      if (onPostgres) await until("all events are counted", async () => new Set(await counts()).size === 1);
      expect(new Set(await counts()).size).toBe(1);

      const admin = { ...close, headers: { ...close.headers, Authorization: `Bearer ${ann.token}` } };
      // `parley user set` reaches every process within a second.
      const read = async (path: string) => (await fetch(`${server.url}/api/v1/admin/${path}`, admin)).json();
      const stats = await everywhere(() => read("stats"));
      for (const { connections, residentBytes } of stats) {
        expect(connections.websocket).toBe(SPREAD);
        expect(residentBytes).toBeGreaterThan(100_000_000);
      }
      const lists = await everywhere(() => read("nodes"));
      for (const { items, missingNodes } of lists) {
        expect(missingNodes).toEqual([]);
        // Two that serve and their supervisor.
        expect(items.length).toBe(3);
        expect(items.filter(({ self }: { self: boolean }) => self).length).toBe(1);
        const counts = items
          .map((one: { connections: number }) => one.connections)
          .toSorted((a: number, b: number) => a - b);
        expect([counts[0], counts[1] + counts[2]]).toEqual([0, SPREAD]);
      }
      const selves = lists.map(({ items }) => items.find(({ self }: { self: boolean }) => self).id);
      expect(new Set(selves).size).toBe(2);
      const points = await everywhere(() => read("series?name=connections"));
      for (const one of points) expect(one).toEqual(points[0]);
    }),
  60_000,
);

test(
  "PROC-8: each log line has the pid of its process",
  () =>
    withProcesses(
      async (server) => {
        await everywhere(() => fetch(server.url, close));
        const pids = () =>
          `${server.before}${server.output}`
            .split("\n")
            .slice(0, -1)
            .map((line) => JSON.parse(line).process);
        const said = () => new Set(pids());
        await until("a line of each", () => said().size >= 3);
        expect(said()).toEqual(new Set([server.pid, ...server.workers]));
      },
      { LOG_LEVEL: "info" },
    ),
  60_000,
);

test(
  "PROC-8: a process that does not answer within a second is named, and the others are counted",
  () =>
    withProcesses(async (server) => {
      const ann = await signUp(server.url, "ann");
      expect(await parleyUser(server, "set", "ann", "--admin")).toBe(0);
      const [frozen] = server.workers as [number];
      const headers = { Connection: "close", Authorization: `Bearer ${ann.token}` };
      // Cached by both, so that nothing else waits.
      await everywhere(() => fetch(`${server.url}/api/v1/admin/nodes`, { headers }));
      process.kill(frozen, "SIGSTOP");
      const began = performance.now();
      const asked = Array.from({ length: SPREAD }, () => fetch(`${server.url}/api/v1/admin/nodes`, { headers }));
      const { items, missingNodes } = await (await Promise.any(asked)).json();
      const tookMs = performance.now() - began;
      const pages = Array.from({ length: SPREAD }, () => fetch(`${server.url}/metrics`, close));
      const page = await (await Promise.any(pages)).text();
      process.kill(frozen, "SIGCONT");
      await Promise.allSettled([...asked, ...pages]);
      expect([items.length, missingNodes.length]).toEqual([2, 1]);
      expect(tookMs).toBeLessThan(2000);
      expect(page).toContain(`# a process did not answer: pid ${frozen}\n`);
    }),
  60_000,
);

test(
  "PROC-8: counters do not fall when a process is replaced",
  () =>
    withProcesses(async (server) => {
      await everywhere(() => fetch(`${server.url}/healthz`, close));
      const line = 'parley_http_requests_total{method="GET",route="/healthz",status="200"}';
      expect(await metric(server, line)).toBe(SPREAD);
      const [victim] = server.workers as [number];
      process.kill(victim, "SIGKILL");
      await server.replaced(victim);
      await everywhere(() => fetch(`${server.url}/readyz`, close).catch(() => undefined));
      expect(await metric(server, line)).toBe(SPREAD);
      expect(await metric(server, "parley_processes_replaced")).toBe(1);
    }),
  60_000,
);

test(
  "PROC-8: a proxy that is not trusted is known to every process, and once in the log",
  () =>
    withProcesses(
      async (server) => {
        const headers = { ...close.headers, "X-Forwarded-For": "203.0.113.9" };
        await fetch(`${server.url}/healthz`, { headers });
        await Bun.sleep(300);
        const ready = await everywhere(async () => (await fetch(`${server.url}/readyz`, close)).json());
        for (const { warnings } of ready) expect(warnings).toEqual(["forwarder_untrusted"]);
        expect(server.output.split("sends X-Forwarded-For").length - 1).toBe(1);
      },
      { TRUSTED_PROXIES: "10.0.0.0/8", LOG_LEVEL: "warn" },
    ),
  60_000,
);
