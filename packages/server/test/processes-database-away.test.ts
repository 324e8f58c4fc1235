/** Several processes whose database cannot be used for a while, and a worker that dies meanwhile. */
import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { withDeadline } from "../src/lib/interval.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { LiveClient } from "./live-client.ts";
import { until as untilSo } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer } from "./postgres-server.ts";
import { isRunning, SeveralProcesses, until } from "./several-processes.ts";
import { onPostgres, openRaw, TABLES } from "./test-database.ts";

/** So many connections are on both processes, but once in a million times. */
const SPREAD = 20;
/** Within this time a worker that were begun without the database would have been seen, and have ended. */
const WATCHED_MS = 4000;
const HELD = "no worker can start until the database can be used";

const close = { headers: { Connection: "close" } };
const readiness = async (server: SeveralProcesses) => {
  const reply = await fetch(`${server.url}/readyz`, close);
  return { status: reply.status, body: (await reply.json()) as { state?: string } };
};
/** Many times in a row, so that every process has been asked. */
const untilAllAre = (server: SeveralProcesses, status: number) =>
  untilSo(`/readyz is ${status} in all processes`, async () => {
    const replies = await Promise.all(Array.from({ length: SPREAD }, () => readiness(server)));
    return replies.every((one) => one.status === status);
  });

async function connected(server: SeveralProcesses, person: Person): Promise<LiveClient[]> {
  const clients = await Promise.all(
    Array.from({ length: SPREAD }, () => LiveClient.open(server.url, { token: person.token })),
  );
  await Promise.all(clients.map((client) => client.frame(Push.RED_DOT)));
  return clients;
}

/** For a while nobody takes the place of the other worker, and no line of the log comes again. */
async function nothingHappens(server: SeveralProcesses, worker: number): Promise<void> {
  const { output } = server;
  const deadline = performance.now() + WATCHED_MS;
  while (performance.now() < deadline) {
    expect(server.workers).toEqual([worker]);
    await Bun.sleep(20);
  }
  expect(server.output).toBe(output);
}

const count = (server: SeveralProcesses, text: string) => server.output.split(text).length - 1;

test.skipIf(!hasPostgres)(
  "PROC-12, PG-9: while PostgreSQL is away the other workers and their connections stay, and one that died is replaced when it is back",
  async () => {
    const postgres = await PostgresServer.start();
    const DATABASE_URL = await postgres.freshDatabase(TABLES);
    const server = new SeveralProcesses({ DATABASE_URL, LOG_LEVEL: "warn" });
    try {
      await server.start();
      const ann = await signUp(server.url, "ann");
      const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] });
      const clients = await connected(server, ann);
      const [victim, other] = server.workers as [number, number];
      // It says nothing any more, so that lines can be counted.
      process.kill(victim, "SIGSTOP");
      await postgres.stopImmediately();
      process.kill(victim, "SIGKILL");
      await until(() => server.output.includes(HELD), 10_000, "a line of the log");
      await untilAllAre(server, 503);
      expect(await readiness(server)).toMatchObject({ body: { state: "storage_fails" } });
      // The supervisor and the other worker have said everything.
      for (const line of ["nothing can be stored", "lease of this node could not be renewed", "the bus does not work"])
        await until(() => count(server, line) === 2, 10_000, line);
      await nothingHappens(server, other);
      const staying = clients.filter((client) => !client.closed);
      expect([0, SPREAD]).not.toContain(staying.length);

      await postgres.startAgain();
      await server.replaced(victim);
      await untilAllAre(server, 200);
      expect([isRunning(server.pid), isRunning(other)]).toEqual([true, true]);
      const body = { clientId: "one", type: 1, body: { content: "hello" } };
      expect((await ann.api.call("POST", `/rooms/${id}/messages`, body, { Connection: "close" })).status).toBe(201);
      for (const client of staying) await client.frame(Push.MESSAGE);
      // The new one may not serve yet, and nobody waits for it.
      expect(await withDeadline(server.stop(), 15_000, "the stop waits")).toBe(0);
      for (const line of [HELD, "a worker ended"]) expect(count(server, line)).toBe(1);
    } finally {
      await server.remove();
    }
  },
  90_000,
);

test.skipIf(onPostgres)(
  "PROC-12: while another program locks SQLite's file no worker is begun in vain, and one that died is replaced afterwards",
  async () => {
    const server = new SeveralProcesses({ LOG_LEVEL: "warn" });
    try {
      await server.start();
      const raw = await openRaw(server.place);
      await raw.rows("begin immediate");
      const [victim, other] = server.workers as [number, number];
      process.kill(victim, "SIGKILL");
      await until(() => server.output.includes(HELD), 15_000, "a line of the log");
      await nothingHappens(server, other);
      // It serves, and answers what it cannot store.
      const account = { name: "ann", password: "correct horse battery" };
      expect((await new ApiClient(server.url).call("POST", "/accounts", account)).status).toBe(503);
      expect(await readiness(server)).toMatchObject({ status: 503, body: { state: "storage_fails" } });
      await raw.rows("rollback");
      await raw.close();
      await server.replaced(victim);
      await untilAllAre(server, 200);
      for (const line of [HELD, "a worker ended"]) expect(count(server, line)).toBe(1);
      expect(isRunning(other)).toBe(true);
    } finally {
      await server.remove();
    }
  },
  90_000,
);
