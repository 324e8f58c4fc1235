/** Backups by PostgreSQL's own tools, as the runbook says: what was answered is there, and clients begin anew. */
import { afterAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Command, Push } from "@parley/protocol";
import { Client } from "pg";
import { epochOf } from "../src/db/epoch.ts";
import { openReader, prepareDatabase } from "../src/db/open.ts";
import { ApiClient } from "./api-client.ts";
import { lastingPort } from "./free-port.ts";
import { type Person, say, signUp, TestServer } from "./harness.ts";
import { historyOf } from "./history.ts";
import { endLater } from "./left-running.ts";
import { LiveClient } from "./live-client.ts";
import { endlessLoad } from "./load.ts";
import { needs } from "./needs.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer, sharedPostgres } from "./postgres-server.ts";
import { ServerProcess } from "./server-process.ts";
import { TABLES, withRaw } from "./test-database.ts";
import { events, resyncs, streamOf, textOf } from "./transports/stage.ts";
import { TRANSPORTS } from "./transports/transports.ts";

const [pgDump, pgRestore] = [needs("pg_dump"), needs("pg_restore")];
const SENDERS = 8;
/** How many answers there are before the dump begins, and again while it runs. */
const ANSWERS = 100;

const dir = mkdtempSync(join(tmpdir(), "parley-dump-"));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

const as = (url: string, person: Person): Person => ({ ...person, api: new ApiClient(url, person.token) });

async function epochAt(url: string): Promise<string> {
  const db = openReader({ url });
  try {
    return await epochOf(db);
  } finally {
    await db.destroy();
  }
}

/** Runs a program beside this process. @returns what it printed */
async function run(command: readonly string[], env: Record<string, string> = {}): Promise<string> {
  const child = Bun.spawn([...command], { env: { PATH: process.env.PATH ?? "", ...env }, stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  if ((await child.exited) !== 0) throw new Error(`${command[0]} failed: ${err}`);
  return out;
}

const dump = (url: string, file: string) => run([pgDump as string, "--format=custom", `--file=${file}`, url]);
const restore = (file: string, url: string) =>
  run([pgRestore as string, "--exit-on-error", "--no-owner", "--single-transaction", `--dbname=${url}`, file]);

/**
 * Dumps a database and waits in the middle: when the dump has its snapshot, and has read nothing yet.
 * @param meanwhile is done then; the dump goes on when it has resolved
 */
async function dumpAround(url: string, file: string, meanwhile: () => Promise<unknown>): Promise<void> {
  const holder = new Client({ connectionString: url });
  holder.on("error", () => {});
  endLater(() => holder.end());
  await holder.connect();
  // A dump locks all tables before it reads them.
  await holder.query("create table held (id bigint)");
  await holder.query("begin");
  await holder.query("lock table held in access exclusive mode");
  const dumped = dump(url, file);
  await until("the dump waits", async () => {
    const waiting =
      "select 1 from pg_stat_activity where application_name = 'pg_dump' and wait_event_type = 'Lock' and datname = current_database()";
    return (await withRaw({ url }, (raw) => raw.rows(waiting))).length > 0;
  });
  await meanwhile();
  await holder.query("commit");
  await dumped;
  await holder.end();
}

/** A server with a room that ann and ben are in. */
async function filled(url: string) {
  const server = new ServerProcess({ DATABASE_URL: url, PORT: String(lastingPort()), DRAIN_SECONDS: "1" });
  await server.start();
  const [ann, ben] = (await Promise.all(["ann", "ben"].map((name) => signUp(server.url, name)))) as [Person, Person];
  const room = (await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [ben.uid] })).id;
  return { server, ann, ben, room };
}

describe.skipIf(!hasPostgres || !pgDump || !pgRestore)("a backup of PostgreSQL", () => {
  test("BAK-5: a dump under load has all that was acknowledged before it, and a server that begins from it lacks nothing of it", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase(TABLES);
    const { server, ann, ben, room } = await filled(url);
    const senders = Array.from({ length: SENDERS }, (_, i) => [ann, ben][i % 2] as Person);
    const { acknowledged, enough, end } = endlessLoad({ senders, roomId: room, enough: ANSWERS });
    await enough;
    const before = [...acknowledged];
    await dumpAround(url, `${dir}/load.dump`, () => {
      // What was answered before the dump had its snapshot is in it, and so may be what was under way then.
      const many = acknowledged.length + SENDERS + ANSWERS;
      return until("more is answered meanwhile", async () => acknowledged.length >= many);
    });
    const meanwhile = [...acknowledged];
    const outcomes = await end();
    expect(outcomes.filter(({ status }) => status !== 201)).toEqual([]);
    const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
    await server.stop();

    const there = await postgres.freshDatabase();
    await restore(`${dir}/load.dump`, there);
    await withRaw({ url: there }, async (raw) =>
      expect(
        await raw.rows(
          "select (select pos from log) - (select max(pos) from events) as more, no from rooms where id = ?",
          room,
        ),
      ).toEqual([{ more: 0, no: (await raw.rows("select 1 from messages where room_id = ?", room)).length }]),
    );

    const after = await TestServer.start({ DATABASE_URL: there });
    expect(await epochAt(there)).not.toBe(await epochAt(url));
    const [ann2, ben2] = [as(after.url, ann), as(after.url, ben)];
    const history = await historyOf(ann2, room);
    const kept = new Set(history.map(({ message }) => message.clientId as string));
    expect(before.filter((one) => !kept.has(one))).toEqual([]);
    const lost = meanwhile.filter((one) => !kept.has(one));
    expect(lost.length).toBeGreaterThan(0);
    expect(history.map(({ message }) => message.no)).toEqual(history.map((_, i) => i + 1));

    // A cursor that is ahead of the restored log, and what comes after the RESYNC.
    for (const transport of TRANSPORTS) {
      const reader = await transport.open(after.url, ben2, { cursor });
      await reader.until(() => resyncs(reader).length > 0, "RESYNC");
      expect(resyncs(reader)).toEqual([expect.objectContaining({ stream: "*", why: "epoch" })]);
      await say(ann2, room, `new ${transport.name}`);
      await reader.until((frames) => frames.some((one) => textOf(one) === `new ${transport.name}`), "what is new");
      expect(events(reader, streamOf(room)).map(textOf)).toEqual([`new ${transport.name}`]);
      reader.close();
    }
    // If a client repeats what was lost, it is stored, and only once.
    const sender = outcomes.find(({ clientId }) => clientId === lost[0])?.sender as Person;
    const body = { clientId: lost[0], type: 1, body: { content: `message ${lost[0]}` } };
    for (const status of [201, 200])
      expect((await as(after.url, sender).api.call("POST", `/rooms/${room}/messages`, body)).status).toBe(status);
    await after.stop();
  }, 120_000);

  test("BAK-6: a restore is noticed into whatever database, once, also with PG_FAILOVER=lossless", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase();
    const opened = async (at: string) => {
      await prepareDatabase({ dir: "", databaseUrl: at, isLossless: true }, 0);
      return epochAt(at);
    };
    const epoch = await opened(url);
    expect(await opened(url)).toBe(epoch);
    await dump(url, `${dir}/small.dump`);

    // Over the tables of the same database.
    await run([pgRestore as string, "--clean", "--single-transaction", `--dbname=${url}`, `${dir}/small.dump`]);
    const cleaned = await opened(url);
    expect(cleaned).not.toBe(epoch);
    expect(await opened(url)).toBe(cleaned);

    // Into another one of the same name.
    const name = new URL(url).pathname.slice(1);
    await postgres.query(`drop database ${name} with (force)`);
    await postgres.query(`create database ${name} template template0`);
    await restore(`${dir}/small.dump`, url);
    const renamed = await opened(url);
    expect([epoch, cleaned]).not.toContain(renamed);

    // A copy inside of the instance.
    await postgres.query(`create database ${name}_copy template ${name}`);
    const copy = postgres.url(`${name}_copy`);
    expect(await opened(copy)).not.toBe(renamed);
    await postgres.drop(copy);

    // In another instance that was set up in the same way, so that all numbers are the same.
    const [one, other] = [await PostgresServer.start(), await PostgresServer.start()];
    const [from, to] = [await one.freshDatabase(), await other.freshDatabase()];
    await restore(`${dir}/small.dump`, from);
    const first = await opened(from);
    await dump(from, `${dir}/again.dump`);
    await restore(`${dir}/again.dump`, to);
    const numbers = async (at: string) =>
      withRaw({ url: at }, (raw) =>
        raw.rows("select 'log'::regclass::oid as log, oid from pg_database where datname = current_database()"),
      );
    expect(await numbers(from)).toEqual(await numbers(to));
    expect(await opened(to)).not.toBe(first);
  }, 60_000);

  test("BAK-6: a user who may not ask which instance it is keeps the epoch of a database that stays where it is", async () => {
    const postgres = await sharedPostgres();
    await postgres.query("create role unasked login");
    const url = (await postgres.freshDatabase()).replace("parley@", "unasked@");
    await postgres.query(`alter database ${new URL(url).pathname.slice(1)} owner to unasked`);
    await withRaw({ url: url.replace("unasked@", "parley@") }, (raw) =>
      raw.rows("revoke execute on function pg_control_system() from public"),
    );
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    const epoch = await epochAt(url);
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    expect(await epochAt(url)).toBe(epoch);
    const other = await postgres.freshDatabase();
    await dump(url, `${dir}/unasked.dump`);
    await restore(`${dir}/unasked.dump`, other);
    await prepareDatabase({ dir: "", databaseUrl: other }, 0);
    expect(await epochAt(other)).not.toBe(epoch);
  }, 60_000);

  test("BAK-6: a server that runs while its database is replaced by a backup closes its connections with 1012 and begins anew", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase();
    const { server, ann, ben, room } = await filled(url);
    await say(ann, room, "before");
    const there = await postgres.freshDatabase();
    await dump(url, `${dir}/replaced.dump`);
    await restore(`${dir}/replaced.dump`, there);
    await say(ann, room, "later");
    const { cursor } = await ben.api.ok<{ cursor: string }>("GET", "/events");
    const client = await LiveClient.open(server.url, { token: ben.token });
    await client.frame(Push.RED_DOT);

    const [name, restored] = [url, there].map((one) => new URL(one).pathname.slice(1));
    await postgres.query(`drop database ${name} with (force)`);
    await postgres.query(`alter database ${restored} rename to ${name}`);
    await client.until(() => client.closed, "the connection to be closed", 20_000);
    expect(client.closed?.code).toBe(1012);
    await until(
      "the server is there again",
      async () => (await fetch(`${server.url}/readyz`).catch(() => undefined))?.ok === true,
    );
    const live = await LiveClient.open(server.url, { token: ben.token, path: "/ws?resume=1" });
    live.send({ type: Command.RESUME, data: { cursor } });
    expect((await live.frame(Push.RESYNC)).data).toMatchObject({ stream: "*", why: "epoch" });
    live.close();
    expect((await historyOf(ann, room)).map(({ message }) => message.body.content)).toEqual(["before"]);
    await server.stop();
  }, 60_000);

  test("PG-8: pg_basebackup is another timeline once it is a primary, so that the epoch is a new one by itself", async () => {
    const postgres = await PostgresServer.start();
    const url = await postgres.freshDatabase();
    const { server, ann, room } = await filled(url);
    const copy = await PostgresServer.start({ standbyOf: postgres });
    await copy.caughtUpWith(postgres);
    await copy.stopFollowing();
    await copy.promote();
    await server.stop();
    const before = await epochAt(url);
    const there = url.replace(/:\d+\//, `:${copy.port}/`);
    const again = await TestServer.start({ DATABASE_URL: there });
    expect(await epochAt(there)).not.toBe(before);
    expect((await as(again.url, ann).api.call("GET", `/rooms/${room}`)).status).toBe(200);
    await again.stop();
  }, 60_000);
});
