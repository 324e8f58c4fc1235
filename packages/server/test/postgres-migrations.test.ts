/** Migrations on PostgreSQL: one process at a time makes the tables, beside others that use them. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { Client } from "pg";
import { MIGRATIONS } from "../src/db/migrations/index.ts";
import { prepareDatabase } from "../src/db/open.ts";
import { TestServer } from "./harness.ts";
import { endLater } from "./left-running.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

const prepare = (databaseUrl: string) => prepareDatabase({ dir: "", databaseUrl }, 7);

describe.skipIf(!hasPostgres)("migrations on PostgreSQL", () => {
  test("PG-10: of several that start at once on an empty database one makes the tables, and all go on", async () => {
    const url = await (await sharedPostgres()).freshDatabase();
    await Promise.all([1, 2, 3, 4].map(() => prepare(url)));
    const { names, epochs } = await withRaw({ url }, async ({ rows }) => ({
      names: await rows<{ name: string }>("select name from migrations"),
      epochs: await rows("select value from meta where key = 'epoch'"),
    }));
    expect(names.map(({ name }) => name).sort()).toEqual(MIGRATIONS.map(({ name }): string => name).sort());
    expect(epochs).toHaveLength(1);
  });

  test("PG-10: nothing of one that fails stays", async () => {
    const url = await (await sharedPostgres()).freshDatabase();
    await withRaw({ url }, (raw) => raw.rows("create view rooms as select 1 as id"));
    await expect(prepare(url)).rejects.toThrow();
    await withRaw({ url }, async ({ rows }) => {
      expect(await rows("select tablename from pg_tables where schemaname = 'public'")).toEqual([]);
      await rows("drop view rooms");
    });
    await prepare(url);
  });

  test("PG-10: a start with nothing to migrate waits for no lock on a table", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const other = new Client({ connectionString: url });
    // The database is dropped beside its end.
    other.on("error", () => {});
    await other.connect();
    endLater(() => other.end());
    await other.query("begin");
    await other.query("lock table messages, events, users in access exclusive mode");
    await prepare(url);
  });

  test("PG-10: a column that a newer version adds disturbs nobody who runs", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const server = await TestServer.start({ DATABASE_URL: url });
    const [ann, bob] = [await server.person("ann"), await server.person("bob")];
    const room = await server.room(ann, [bob]);
    const use = async (n: number) => {
      const said = await ann.api.call("POST", `/rooms/${room}/messages`, {
        clientId: `${n}`,
        type: 1,
        body: { content: "x" },
      });
      expect(said.status).toBe(201);
      for (const path of [
        "/rooms",
        `/rooms/${room}`,
        `/rooms/${room}/messages`,
        "/friend-requests?direction=in",
        "/me",
      ]) {
        expect([path, (await ann.api.call("GET", path)).status]).toEqual([path, 200]);
      }
    };
    await use(1);
    await withRaw({ url }, async ({ rows }) => {
      const tables = await rows<{ name: string }>(
        "select tablename as name from pg_tables where schemaname = 'public'",
      );
      for (const { name } of tables) await rows(`alter table ${name} add column added_later bigint`);
    });
    for (const n of [2, 3, 4]) await use(n);
    await server.stop();
  }, 30_000);

  test("PG-10: while another process migrates a server goes on, and a start waits its turn", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const other = new Client({ connectionString: url });
    // The database is dropped beside its end.
    other.on("error", () => {});
    await other.connect();
    endLater(() => other.end());
    await other.query("begin");
    await other.query("select pg_advisory_xact_lock(4812765120)");
    let isDone = false;
    const waits = prepare(url).then(() => {
      isDone = true;
    });
    await until("it waits", async () => {
      const [row] = await (await sharedPostgres()).query<{ n: string }>(
        "select count(*) as n from pg_locks where locktype = 'advisory' and not granted",
      );
      return Number(row?.n) > 0;
    });
    expect(isDone).toBe(false);
    // Longer than any other answer may take.
    await other.query("select pg_sleep(9)");
    expect(isDone).toBe(false);
    await other.query("commit");
    await waits;
  }, 30_000);
});
