/** Other sessions that hold locks, or stand still with them: a batch is stored completely or not at all, and nobody waits for ever. */
import { describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "kysely";
import { Client } from "pg";
import { openWritingConnection } from "../src/db/open.ts";
import { preparedBy } from "../src/db/prepared.ts";
import { insertRows } from "../src/db/rows.ts";
import { StorageFault } from "../src/db/storage-fault.ts";
import { sent } from "../src/db/transaction.ts";
import { endLater } from "./left-running.ts";
import { postgresRig, until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

async function session(url: string): Promise<Client> {
  const client = new Client({ connectionString: url });
  client.on("error", () => {});
  await client.connect();
  endLater(() => client.end());
  return client;
}

const OPEN = new URL("../src/db/open.ts", import.meta.url).pathname;

describe.skipIf(!hasPostgres)("locks", () => {
  test("PG-7: a holder of the log's lock that stands still is ended, others go on, and nothing of its batch stays", async () => {
    const rig = await postgresRig();
    const program = `
      const { openWritingConnection } = await import(${JSON.stringify(OPEN)});
      const writer = openWritingConnection({ url: ${JSON.stringify(rig.directUrl)} });
      const failed = await writer.transaction(async (tx) => {
        await tx.db.insertInto("meta").values({ key: "frozen", value: "1" }).execute();
        console.log("has the lock");
        process.kill(process.pid, "SIGSTOP");
        await tx.db.insertInto("meta").values({ key: "frozen too", value: "1" }).execute();
      }).then(() => "stored", (error) => error.name + ": " + error.cause?.message);
      console.log(failed);
      process.exit(0);`;
    const holder = Bun.spawn([process.execPath, "-e", program], { stdout: "pipe", stderr: "inherit", stdin: "ignore" });
    endLater(() => holder.kill("SIGKILL"));
    const reader = holder.stdout.getReader();
    const { value } = await reader.read();
    expect(new TextDecoder().decode(value)).toContain("has the lock");
    // Nobody waits for the lock for longer than 17 s: if the holder were not ended, this would fail.
    await rig.note("one");
    holder.kill("SIGCONT");
    const said = await reader.read();
    expect(new TextDecoder().decode(said.value)).toContain("idle-in-transaction timeout");
    expect(
      await withRaw({ url: rig.directUrl }, ({ rows }) => rows("select key from meta where key like 'frozen%'")),
    ).toEqual([]);
    expect(await rig.noted()).toEqual(["one"]);
  }, 40_000);

  test("PG-7: the log's lock is waited for, for longer than any other statement may take", async () => {
    const rig = await postgresRig();
    const other = await session(rig.directUrl);
    await other.query("begin");
    await other.query("select pos from log for update");
    const one = rig.note("one");
    await other.query("select pg_sleep(8)");
    await other.query("commit");
    await one;
    expect(await rig.noted()).toEqual(["one"]);
  }, 30_000);

  test("PG-7: a table that somebody else keeps locked costs 503 after 5 s, and all of the batch", async () => {
    const rig = await postgresRig();
    const other = await session(rig.directUrl);
    await other.query("begin");
    await other.query("lock table streams in access exclusive mode");
    const failed = await rig.note("one").catch((error: unknown) => error);
    expect(failed).toBeInstanceOf(StorageFault);
    expect((failed as StorageFault).fault).toContain("took longer than 5 s");
    await other.query("rollback");
    await rig.note("two");
    expect(await rig.noted()).toEqual(["two"]);
  }, 30_000);

  test("PG-7: of a deadlock either side may lose, and a batch that does is refused as a whole", async () => {
    const rig = await postgresRig();
    await rig.note("first");
    const other = await session(rig.directUrl);
    await other.query("begin");
    await other.query("lock table streams in access exclusive mode");
    const [ours, theirs] = await Promise.allSettled([
      rig.note("one"),
      (async () => {
        await until("our batch waits", async () => {
          const waiting = await (await sharedPostgres()).query(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = $1",
            [new URL(rig.directUrl).pathname.slice(1)],
          );
          return waiting.length > 0;
        });
        await other.query("update log set pos = pos");
        await other.query("commit");
      })(),
    ]);
    if (ours.status === "rejected") expect(ours.reason).toBeInstanceOf(StorageFault);
    expect([ours.status, theirs.status]).toContain("rejected");
    await other.query("rollback");
    await rig.note("two");
    expect(await rig.noted()).toEqual(["first", ...(ours.status === "fulfilled" ? ["one"] : []), "two"]);
  }, 30_000);

  test("PG-7: a stricter default of the database makes no write fail that another one overtakes", async () => {
    const server = await sharedPostgres();
    const rig = await postgresRig();
    await server.query(
      `alter database ${new URL(rig.directUrl).pathname.slice(1)} set default_transaction_isolation = 'serializable'`,
    );
    const writers = [1, 2, 3].map(() => openWritingConnection({ url: rig.directUrl }));
    const turns = writers.map(async (writer) => {
      for (let n = 0; n < 20; n++) {
        await writer.transaction(async (tx) => {
          const { value } = (await tx.db
            .selectFrom("meta")
            .select("value")
            .where("key", "=", "count")
            .executeTakeFirst()) ?? { value: "0" };
          await insertRows(tx.db, "meta", {
            columns: ["key", "value"],
            values: [["count", `${Number(value) + 1}`]],
            conflict: { key: ["key"], take: ["value"] },
          });
        });
      }
    });
    await Promise.all(turns);
    await Promise.all(writers.map((writer) => writer.close()));
    expect(
      await withRaw({ url: rig.directUrl }, ({ rows }) => rows("select value from meta where key = 'count'")),
    ).toEqual([{ value: "60" }]);
  }, 30_000);
});

const setValue = preparedBy(["key", "value"], (db, { key, value }) =>
  db
    .updateTable("meta")
    .set({ value: sql<string>`${value}` })
    .where("key", "=", sql<string>`${key}`),
);

describe.skipIf(!hasPostgres)("the order of statements", () => {
  test("PG-11: what is sent, what is waited for and the commit reach the database in the order of calls", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const writer = openWritingConnection({ url });
    endLater(() => writer.close());
    const seen: string[] = [];
    await writer.transaction(async (tx) => {
      const { db } = tx;
      const turn = async () =>
        (await db.selectFrom("meta").select("value").where("key", "=", "turn").executeTakeFirst())?.value;
      sent(tx, insertRows(db, "meta", { columns: ["key", "value"], values: [["turn", "0"]] }));
      for (let n = 1; n <= 30; n += 3) {
        sent(tx, setValue(db, { key: "turn", value: `${n}` }));
        sent(
          tx,
          db
            .updateTable("meta")
            .set({ value: `${n + 1}` })
            .where("key", "=", "turn")
            .execute(),
        );
        seen.push(`${await turn()}`);
        sent(
          tx,
          insertRows(db, "meta", {
            columns: ["key", "value"],
            values: [["turn", `${n + 2}`]],
            conflict: { key: ["key"], take: ["value"] },
          }),
        );
        seen.push(`${await turn()}`);
      }
      // Nobody waits for these before the commit.
      for (let n = 100; n < 140; n += 4) {
        sent(tx, setValue(db, { key: "turn", value: `${n}` }));
        sent(
          tx,
          db
            .updateTable("meta")
            .set({ value: `${n + 1}` })
            .where("key", "=", "turn")
            .execute(),
        );
        sent(
          tx,
          insertRows(db, "meta", {
            columns: ["key", "value"],
            values: [["turn", `${n + 2}`]],
            conflict: { key: ["key"], take: ["value"] },
          }),
        );
        sent(tx, sql`update meta set value = ${`${n + 3}`} where key = 'turn'`.execute(db));
      }
    });
    expect(seen).toEqual(Array.from({ length: 10 }, (_, n) => [`${3 * n + 2}`, `${3 * n + 3}`]).flat());
    // One statement behind the commit would be a transaction of its own.
    const rows = await withRaw({ url }, (raw) =>
      raw.rows("select value, xmin = (select xmin from writers) as together from meta where key = 'turn'"),
    );
    expect(rows).toEqual([{ value: "139", together: true }]);
  });
});
