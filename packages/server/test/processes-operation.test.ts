import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { isRunning, SeveralProcesses } from "./several-processes.ts";
import { onPostgres } from "./test-database.ts";
import { until } from "./webhook-receiver.ts";

const SPREAD = 20;
const EVERYWHERE_MS = 30_000;
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

/** As many times as it takes to ask each process, but once in a million times. */
function everywhere<T>(ask: () => Promise<T>): Promise<T[]> {
  return Promise.all(Array.from({ length: SPREAD }, ask));
}

/**
 * The same until all of them say so: a process that needs longer than a second to answer, as on a machine that stands still, is left out.
 */
async function untilEverywhere<T>(what: string, ask: () => Promise<T>, holds: (answers: T[]) => boolean): Promise<T[]> {
  let answers: T[] = [];
  await until(
    what,
    async () => {
      answers = await everywhere(ask);
      return holds(answers);
    },
    EVERYWHERE_MS,
  );
  return answers;
}

/** What an administrator reads. `parley user set` reaches every process within a second. */
function administrators(server: SeveralProcesses, token: string) {
  const headers = { ...close.headers, Authorization: `Bearer ${token}` };
  return async (path: string) => {
    const reply = await fetch(`${server.url}/api/v1/admin/${path}`, { headers });
    return { status: reply.status, body: await reply.json() };
  };
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

      await untilEverywhere(
        "all connections are counted",
        () => metric(server, 'parley_connections{transport="websocket"}'),
        (counts) => counts.every((count) => count === SPREAD),
      );
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
      // The process that counts hears of what the others wrote a moment later.
      await until("all events are counted", async () => new Set(await counts()).size === 1);

      const read = administrators(server, ann.token);
      const isWhole = ({ status, body }: Awaited<ReturnType<typeof read>>) =>
        status === 200 && body.missingNodes.length === 0;
      const readAll = (path: string) =>
        untilEverywhere(
          path,
          () => read(path),
          (answers) => answers.every(isWhole),
        );
      for (const { body } of await readAll("stats")) {
        expect(body.connections.websocket).toBe(SPREAD);
        expect(body.residentBytes).toBeGreaterThan(100_000_000);
      }
      const lists = (await readAll("nodes")).map(({ body }) => body);
      for (const { items } of lists) {
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
      // The steps of a range that ends now begin at another moment in each answer, so this one is the same for all. Every ten seconds there is one more point.
      const from = Date.now() - 60_000;
      await untilEverywhere(
        "the same points",
        () => read(`series?name=connections&from=${from}&to=${from + 3_600_000}`),
        (all) => all.every((one) => one.status === 200 && one.body.points.length > 0 && Bun.deepEquals(one, all[0])),
      );
    }),
  90_000,
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
  90_000,
);

test(
  "PROC-8: a process that does not answer within a second is named, and the others are counted",
  () =>
    withProcesses(async (server) => {
      const ann = await signUp(server.url, "ann");
      expect(await parleyUser(server, "set", "ann", "--admin")).toBe(0);
      const [frozen] = server.workers as [number];
      const read = administrators(server, ann.token);
      // Cached by both, so that nothing else waits.
      await untilEverywhere(
        "an administrator",
        () => read("nodes"),
        (all) => all.every(({ status }) => status === 200),
      );
      const all: Promise<unknown>[] = [];
      const first = <T>(ask: () => Promise<T>): Promise<T> => {
        const some = Array.from({ length: SPREAD }, ask);
        all.push(...some);
        return Promise.any(some);
      };
      const look = async () => {
        const page = first(async () => (await fetch(`${server.url}/metrics`, close)).text());
        const { items, missingNodes } = (await first(() => read("nodes"))).body;
        return { counts: [items.length, missingNodes.length], page: await page };
      };
      process.kill(frozen, "SIGSTOP");
      let seen = await look();
      // If the machine stands still for a second, the supervisor does not answer in time either; it does not stand still each time.
      for (let tries = 1; tries < 3 && seen.counts[1] !== 1; tries++) seen = await look();
      // Five seconds after it froze it is replaced, and then nobody waits for it either.
      const stillThere = isRunning(frozen);
      process.kill(frozen, "SIGCONT");
      await Promise.allSettled(all);
      expect(seen.counts).toEqual([2, 1]);
      expect(seen.page).toContain(`# a process did not answer: pid ${frozen}\n`);
      expect(stillThere).toBe(true);
    }),
  90_000,
);

test(
  "PROC-8: counters do not fall when a process is replaced",
  () =>
    withProcesses(async (server) => {
      await everywhere(() => fetch(`${server.url}/healthz`, close));
      const line = 'parley_http_requests_total{method="GET",route="/healthz",status="200"}';
      const areCounted = () => until("all are counted", async () => (await metric(server, line)) === SPREAD);
      await areCounted();
      const [victim] = server.workers as [number];
      process.kill(victim, "SIGKILL");
      await server.replaced(victim);
      await everywhere(() => fetch(`${server.url}/readyz`, close).catch(() => undefined));
      await areCounted();
      expect(await metric(server, "parley_processes_replaced")).toBe(1);
    }),
  90_000,
);

test(
  "PROC-8: a proxy that is not trusted is known to every process, and once in the log",
  () =>
    withProcesses(
      async (server) => {
        const headers = { ...close.headers, "X-Forwarded-For": "203.0.113.9" };
        await fetch(`${server.url}/healthz`, { headers });
        await untilEverywhere(
          "the warning",
          async () => (await fetch(`${server.url}/readyz`, close)).json(),
          (all) => all.every(({ warnings }) => Bun.deepEquals(warnings, ["forwarder_untrusted"])),
        );
        await until("a line of the log", () => server.output.includes("sends X-Forwarded-For"));
        expect(server.output.split("sends X-Forwarded-For").length - 1).toBe(1);
      },
      { TRUSTED_PROXIES: "10.0.0.0/8", LOG_LEVEL: "warn" },
    ),
  90_000,
);
