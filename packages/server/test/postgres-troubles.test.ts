/** A whole server on a PostgreSQL that is full, read-only, away or out of connections: writes are 503, nothing is lost, and all gets well by itself. */
import { describe, expect, test } from "bun:test";
import { rmSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { fillDisk } from "./fill-disk.ts";
import { type Person, TestServer } from "./harness.ts";
import { endLater } from "./left-running.ts";
import { Line } from "./line.ts";
import { throughLine, until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer, sharedPostgres } from "./postgres-server.ts";
import { TABLES } from "./test-database.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("not root: the tests of a full disk of PostgreSQL are skipped");

const send = (person: Person, roomId: number, clientId: string, content = clientId) =>
  person.api.call("POST", `/rooms/${roomId}/messages`, { clientId, type: 1, body: { content } });

async function clientIds(person: Person, roomId: number): Promise<string[]> {
  const { items } = await person.api.ok<{ items: { message: { clientId: string } }[] }>(
    "GET",
    `/rooms/${roomId}/messages?limit=100`,
  );
  return items.map(({ message }) => message.clientId);
}

const readiness = async (server: TestServer) => {
  const reply = await fetch(`${server.url}/readyz`);
  return { status: reply.status, body: (await reply.json()) as { state?: string } };
};
const untilReady = (server: TestServer, status: number) =>
  until(`/readyz is ${status}`, async () => (await readiness(server)).status === status);

const REFUSED = {
  status: 503,
  body: { code: "overloaded", detail: "The server cannot use its storage at the moment" },
};

const lines = (server: TestServer, text: string) => server.log.filter((line) => line.includes(text));

describe.skipIf(!hasPostgres)("a server on PostgreSQL", () => {
  test.skipIf(!isRoot)(
    "PG-9: whose disk is full",
    async () => {
      const postgres = await PostgresServer.start({ diskMiB: 48 });
      await postgres.query(`create tablespace small location '${postgres.disk}'`);
      await postgres.query("create database chat template template0 tablespace small");
      const server = await TestServer.start({ DATABASE_URL: postgres.url("chat") });
      const ann = await server.person("ann");
      const room = await server.room(ann, []);
      const ballast = join(postgres.diskFromHere, "ballast");
      fillDisk(ballast);
      const stored: string[] = [];
      let refused: Awaited<ReturnType<typeof send>> | undefined;
      for (let n = 0; refused === undefined; n++) {
        const reply = await send(ann, room, `m${n}`, "x".repeat(4000));
        if (reply.status === 201) stored.push(`m${n}`);
        else refused = reply;
      }
      expect(refused).toMatchObject(REFUSED);
      await untilReady(server, 503);
      expect((await ann.api.call("GET", "/me")).status).toBe(200);
      expect(lines(server, "its disk is full")).toHaveLength(1);
      rmSync(ballast);
      await untilReady(server, 200);
      expect((await send(ann, room, "last")).status).toBe(201);
      expect(await clientIds(ann, room)).toEqual([...stored, "last"].slice(-100));
      expect(lines(server, "request failed")).toEqual([]);
      await server.stop();
    },
    60_000,
  );

  test("PG-9: that takes no writes", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase(TABLES);
    const server = await TestServer.start({ DATABASE_URL: url });
    const ann = await server.person("ann");
    const room = await server.room(ann, []);
    const name = new URL(url).pathname.slice(1);
    const endSessions = () =>
      postgres.query(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'parley' and datname = $1",
        [name],
      );
    await postgres.query(`alter database ${name} set default_transaction_read_only = on`);
    await endSessions();
    await until("writes are refused", async () => (await send(ann, room, "one")).status === 503);
    await untilReady(server, 503);
    expect(await clientIds(ann, room)).toEqual([]);
    expect(lines(server, "takes no writes")).toHaveLength(1);
    await postgres.query(`alter database ${name} reset default_transaction_read_only`);
    await endSessions();
    await untilReady(server, 200);
    expect((await send(ann, room, "one")).status).toBe(201);
    await server.stop();
  }, 60_000);

  test("PG-9: that is away for a while, and the server has nothing to do meanwhile", async () => {
    const postgres = await PostgresServer.start();
    const line = new Line(postgres.port);
    const url = throughLine(await postgres.freshDatabase(), line);
    const server = await TestServer.start({ DATABASE_URL: url });
    const ann = await server.person("ann");
    const room = await server.room(ann, []);
    expect((await send(ann, room, "one")).status).toBe(201);
    await postgres.stopImmediately();
    // Nobody writes: it notices by itself.
    await untilReady(server, 503);
    expect(await readiness(server)).toMatchObject({ body: { state: "storage_fails" } });
    expect(await send(ann, room, "two")).toMatchObject(REFUSED);
    expect(await ann.api.call("GET", "/rooms")).toMatchObject(REFUSED);
    await postgres.startAgain();
    await untilReady(server, 200);
    expect((await send(ann, room, "two")).status).toBe(201);
    expect(await clientIds(ann, room)).toEqual(["one", "two"]);
    expect(lines(server, "nothing can be stored")).toHaveLength(1);
    expect(lines(server, "upkeep failed")).toEqual([]);
    await server.stop();
  }, 60_000);

  test("PG-9: that has no connections left for it", async () => {
    const postgres = await PostgresServer.start({
      settings: { max_connections: "12", superuser_reserved_connections: "3" },
    });
    // One is this test's own.
    const PLAIN = 12 - 3 - 1;
    await postgres.query("create role plain login");
    await postgres.query("create database chat owner plain template template0");
    const url = postgres.url("chat").replace("parley@", "plain@");
    const server = await TestServer.start({ DATABASE_URL: url });
    const ann = await server.person("ann");
    const room = await server.room(ann, []);
    // Somebody else takes all that are free, and all of the server's as they end.
    const others: Client[] = [];
    const take = async () => {
      const client = new Client({ connectionString: url, application_name: "other" });
      client.on("error", () => {});
      await client.connect();
      others.push(client);
    };
    endLater(() => Promise.all(others.map((client) => client.end())));
    const takeAll = async () => {
      for (;;) {
        const taken = await take().then(
          () => true,
          () => false,
        );
        if (!taken) return;
      }
    };
    await takeAll();
    // It has few, and works.
    const answers = await Promise.all(Array.from({ length: 20 }, (_, n) => send(ann, room, `m${n}`)));
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(201));
    // A session takes a moment to end, and whoever comes first has its place: the server may get one again just after it has said that it has none.
    const sessions = `select count(*)::int as taken, count(*) filter (where application_name !~ '^(other|parley bus.*)$')::int as left
      from pg_stat_activity where usename = 'plain'`;
    await until("it has none", async () => {
      await postgres.query(
        "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name = 'parley'",
      );
      await takeAll();
      const [now] = await postgres.query<{ taken: number; left: number }>(sessions);
      return now?.taken === PLAIN && now.left === 0 && (await readiness(server)).status === 503;
    });
    expect(await send(ann, room, "late")).toMatchObject(REFUSED);
    expect(lines(server, "takes no more connections").length).toBeGreaterThan(0);
    await Promise.all(others.splice(0).map((client) => client.end()));
    await untilReady(server, 200);
    expect((await send(ann, room, "late")).status).toBe(201);
    expect(await clientIds(ann, room)).toHaveLength(21);
    await server.stop();
  }, 60_000);
});
