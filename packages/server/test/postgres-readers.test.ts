/** Connections that read from PostgreSQL: few, shared, and never handed out when they are gone. */
import { expect, spyOn, test } from "bun:test";
import { sql } from "kysely";
import { passingFault } from "../src/db/faults.ts";
import { openReader, prepareDatabase, type ReadDatabase } from "../src/db/open.ts";
import { PostgresConnection } from "../src/db/postgres/connection.ts";
import { endLater } from "./left-running.ts";
import { Line } from "./line.ts";
import { throughLine, until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer, sharedPostgres } from "./postgres-server.ts";
import { TABLES } from "./test-database.ts";

async function readerOf(url: string): Promise<ReadDatabase> {
  const db = openReader({ url });
  endLater(() => db.destroy());
  return db;
}

/** A start of PostgreSQL, and what a slow machine takes. */
const LIMIT_MS = 60_000;
const freshUrl = async () => (await sharedPostgres()).freshDatabase(TABLES);

async function read(db: ReadDatabase): Promise<number> {
  return (await db.selectFrom("log").select("pos").executeTakeFirstOrThrow()).pos;
}

const sleep = (db: ReadDatabase, seconds: number) => sql`select pg_sleep(${sql.lit(seconds)})`.execute(db);

/** The sessions of ours in a database. */
async function sessions(server: PostgresServer, url: string): Promise<number> {
  const [row] = await server.query<{ n: string }>(
    "select count(*) as n from pg_stat_activity where application_name = 'parley' and datname = $1",
    [new URL(url).pathname.slice(1)],
  );
  return Number(row?.n);
}

/** Those that are opened from now on, until the test ends, and how many were begun. */
function openedConnections(): { readonly opened: readonly PostgresConnection[]; readonly begun: () => number } {
  const opened: PostgresConnection[] = [];
  const { open } = PostgresConnection;
  const spy = spyOn(PostgresConnection, "open").mockImplementation(async (...args) => {
    const connection = await open.apply(PostgresConnection, args);
    opened.push(connection);
    return connection;
  });
  endLater(() => spy.mockRestore());
  return { opened, begun: () => spy.mock.calls.length };
}

/** Nobody wakes up between the look at them and their end. */
const END_TEN_ASLEEP = `with asleep as materialized (
    select pid from pg_stat_activity where application_name = 'parley' and datname = $1 and wait_event = 'PgSleep'
  ) select pg_terminate_backend(pid) from asleep where (select count(*) from asleep) = 10`;
const END = `select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'parley' and datname = $1`;

test.skipIf(!hasPostgres)(
  "PG-3: at most ten connections read, and the rest wait for their turn",
  async () => {
    const server = await sharedPostgres();
    const url = await freshUrl();
    const db = await readerOf(url);
    const { opened, begun } = openedConnections();
    await Promise.all(Array.from({ length: 50 }, () => sleep(db, 0.05)));
    // One that takes long to open may come when the others have served everybody.
    await until("all are open", async () => opened.length === begun());
    expect([begun(), await sessions(server, url)]).toEqual([10, 10]);
  },
  LIMIT_MS,
);

test.skipIf(!hasPostgres)(
  "PG-3: connections that were ended while nobody used them are not handed out",
  async () => {
    const server = await sharedPostgres();
    const url = await freshUrl();
    const db = await readerOf(url);
    const { opened } = openedConnections();
    await Promise.all([sleep(db, 0.05), sleep(db, 0.05), sleep(db, 0.05)]);
    // What takes long to open is not ended with the others.
    await until("all are open", async () => opened.length === 3);
    await server.query(END, [new URL(url).pathname.slice(1)]);
    // PostgreSQL counts none any more before their ends have arrived here.
    await until("their ends are noticed", async () => opened.every(({ isLost }) => isLost));
    expect(await Promise.all([read(db), read(db), read(db), read(db)])).toEqual([0, 0, 0, 0]);
  },
  LIMIT_MS,
);

test.skipIf(!hasPostgres)(
  "PG-3: a reader that waits for a connection gets another one when the one in use is lost",
  async () => {
    const server = await sharedPostgres();
    const url = await freshUrl();
    const db = await readerOf(url);
    // They are given up after 7 s, and all of them have to be open and asleep at some moment before that.
    const held = Promise.allSettled(Array.from({ length: 10 }, () => sleep(db, 6)));
    const waits = read(db);
    await until("all are ended while they are in use", async () => {
      return (await server.query(END_TEN_ASLEEP, [new URL(url).pathname.slice(1)])).length === 10;
    });
    expect(await waits).toBe(0);
    for (const answer of await held) {
      expect(answer.status).toBe("rejected");
      expect(passingFault((answer as PromiseRejectedResult).reason)).toContain("an administrator ended the connection");
    }
  },
  LIMIT_MS,
);

test.skipIf(!hasPostgres)(
  "PG-3: a restart of PostgreSQL costs reads for as long as it takes, and none after it",
  async () => {
    const server = await PostgresServer.start();
    const url = await server.freshDatabase();
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    const db = await readerOf(url);
    await Promise.all([read(db), read(db), read(db)]);
    await server.stopImmediately();
    const away = await Promise.allSettled(Array.from({ length: 30 }, () => read(db)));
    for (const answer of away) {
      expect(answer.status).toBe("rejected");
      expect(passingFault((answer as PromiseRejectedResult).reason)).toBeString();
    }
    await server.startAgain();
    expect(await Promise.all(Array.from({ length: 30 }, () => read(db)))).toEqual(Array(30).fill(0));
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-6: on a line where nothing comes any more a read fails within 8 s, and the next one takes a new connection",
  async () => {
    const url = await freshUrl();
    const line = new Line((await sharedPostgres()).port);
    const db = await readerOf(throughLine(url, line));
    await Promise.all([read(db), read(db), read(db)]);
    line.stall();
    line.healForNew();
    const began = performance.now();
    const failed = await read(db).catch((error: unknown) => error);
    expect(passingFault(failed)).toContain("no answer for 7 s");
    // One that tried a second connection would take twice as long.
    expect(performance.now() - began).toBeLessThan(13_000);
    // Those that nobody used hang on the same line: a read by one of them would fail as well.
    expect(await Promise.all([read(db), read(db), read(db)])).toEqual([0, 0, 0]);
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-3: a reader that nobody can serve is told so within 10 s",
  async () => {
    const url = await freshUrl();
    const line = new Line((await sharedPostgres()).port);
    const db = await readerOf(throughLine(url, line));
    line.stall();
    const began = performance.now();
    const failed = await read(db).catch((error: unknown) => error);
    expect(passingFault(failed)).toContain("cannot be reached");
    expect(performance.now() - began).toBeLessThan(11_000);
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-3: where the database has few connections left, those do the work",
  async () => {
    const server = await PostgresServer.start({
      settings: { max_connections: "8", superuser_reserved_connections: "3" },
    });
    await server.query("create role plain login");
    const url = (await server.freshDatabase()).replace("parley@", "plain@");
    await server.query(`alter database ${new URL(url).pathname.slice(1)} owner to plain`);
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    const db = await readerOf(url);
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => {
        await sleep(db, 0.02);
        return read(db);
      }),
    );
    expect(answers).toEqual(Array(40).fill(0));
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-7: a snapshot lasts at most 5 s, and another reader is not hurt by it",
  async () => {
    const db = await readerOf(await freshUrl());
    const long = db.transaction().execute(async (trx) => {
      for (let n = 0; n < 20; n++) await sql`select pg_sleep(1)`.execute(trx);
    });
    const failed = await long.catch((error: unknown) => error);
    expect(passingFault(failed)).toContain("a reader took longer than 5 s");
    expect(await read(db)).toBe(0);
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "PG-3: readers that are closed end, and those who wait are told",
  async () => {
    const server = await sharedPostgres();
    const url = await freshUrl();
    const db = openReader({ url });
    const asked = Promise.allSettled(Array.from({ length: 30 }, () => sleep(db, 0.2)));
    await until("they are open", async () => (await sessions(server, url)) > 0);
    await db.destroy();
    await asked;
    await until("they have ended", async () => (await sessions(server, url)) === 0);
  },
  LIMIT_MS,
);
