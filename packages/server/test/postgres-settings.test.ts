/** How the tables and the transactions of readers are set up on PostgreSQL. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { sql } from "kysely";
import { openReader, openWritingConnection } from "../src/db/open.ts";
import { endLater } from "./left-running.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

describe.skipIf(!hasPostgres)("a database on PostgreSQL", () => {
  let url: string;
  beforeAll(async () => {
    url = await (await sharedPostgres()).freshDatabase(TABLES);
  }, 60_000);

  test("rows that each batch changes have room beside them for their next versions", async () => {
    const found = await withRaw({ url }, ({ rows }) =>
      rows<{ name: string; option: string }>(
        `select relname as name, unnest(reloptions) as option from pg_class
         where relnamespace = current_schema()::regnamespace and relkind = 'r' order by relname`,
      ),
    );
    expect(Object.fromEntries(found.map(({ name, option }) => [name, option]))).toEqual({
      ...{ log: "fillfactor=50", rooms: "fillfactor=50", streams: "fillfactor=50", writers: "fillfactor=50" },
      ...{ nodes: "fillfactor=10", room_reads: "fillfactor=90" },
    });
  });

  test("PG-7: what a reader reads in one transaction is one state, and it can write nothing, whatever the database's defaults", async () => {
    const name = new URL(url).pathname.slice(1);
    const server = await sharedPostgres();
    await server.query(`alter database ${name} set default_transaction_isolation = 'read committed'`);
    await server.query(`alter database ${name} set default_transaction_read_only = off`);
    const db = openReader({ url });
    endLater(() => db.destroy());
    const writer = openWritingConnection({ url });
    endLater(() => writer.close());
    const store = (value: string) =>
      writer.transaction((tx) => tx.db.insertInto("meta").values({ key: value, value }).execute());
    await db.transaction().execute(async (trx) => {
      const shown = async (setting: string) => {
        const { rows } = await sql<{ said: string }>`select current_setting(${setting}) as said`.execute(trx);
        return rows[0]?.said;
      };
      expect(await shown("transaction_isolation")).toBe("repeatable read");
      expect(await shown("transaction_read_only")).toBe("on");
      const keys = () => trx.selectFrom("meta").select("key").orderBy("key").execute();
      const before = await keys();
      await store("meanwhile");
      expect(await keys()).toEqual(before);
    });
    const written = () => db.insertInto("meta").values({ key: "by a reader", value: "" }).execute();
    await expect(written()).rejects.toMatchObject({ code: "25006" });
    await expect(db.transaction().execute((trx) => trx.deleteFrom("meta").execute())).rejects.toMatchObject({
      code: "25006",
    });
  });
});
