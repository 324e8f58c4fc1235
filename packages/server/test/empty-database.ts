import { join } from "node:path";
import { Kysely } from "kysely";
import { postgresDialect } from "../src/db/postgres/dialect.ts";
import { PostgresPool } from "../src/db/postgres/driver.ts";
import { openSession } from "../src/db/postgres/session.ts";
import { writerDialect } from "../src/db/sqlite/dialect.ts";
import { sharedPostgres } from "./postgres-server.ts";
import { onPostgres } from "./test-database.ts";

/** A database without a table, as migrations find it before the first start: on SQLite in `dir`. One connection, which may do anything. */
export async function openEmpty(dir: string): Promise<Kysely<unknown>> {
  if (!onPostgres) return new Kysely<unknown>({ dialect: writerDialect(join(dir, "parley.db")) });
  const url = await (await sharedPostgres()).freshDatabase();
  const open = () => openSession(url, "write");
  return new Kysely<unknown>({ dialect: postgresDialect(() => new PostgresPool(open, { size: 1, begin: "begin" })) });
}
