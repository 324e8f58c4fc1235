/** Migrations run while the version before serves on the same database. So each one that is made from now on only adds. */
import { beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { type Kysely, sql } from "kysely";
import { MIGRATIONS } from "../src/db/migrations/index.ts";
import { disturbances, inTransaction, type Step } from "./only-adds.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

/** Until this one no server could run beside another one. */
const LAST_ALONE = "0026-writers";
const first = MIGRATIONS.findIndex(({ name }) => name === LAST_ALONE) + 1;

const run = (text: string): Step => {
  return async (db: Kysely<unknown>) => {
    await sql.raw(text).execute(db);
  };
};

describe.skipIf(!hasPostgres)("what a migration does to tables that are there", () => {
  let url: string;
  beforeAll(async () => {
    url = await (await sharedPostgres()).freshDatabase(TABLES);
  }, 60_000);

  test("PG-10: each migration from 0027 on only adds", async () => {
    expect(first).toBeGreaterThan(0);
    const empty = await (await sharedPostgres()).freshDatabase();
    await inTransaction(empty, (db) => run("create table meta (key text primary key, value text not null)")(db, 1));
    for (const [index, { name, up }] of MIGRATIONS.entries()) {
      if (index >= first) expect([name, ...(await disturbances(empty, up))]).toEqual([name]);
      await inTransaction(empty, (db) => up(db, 1));
    }
  });

  test.each([
    "create table more (id bigint primary key); create index more_id on more (id); insert into more values (1)",
    "alter table users add column more text",
    "alter table users add column more bigint not null default 0",
    "alter table users add column more bigint not null default 0; create table later (id bigint, check (id > 0))",
    "insert into meta (key, value) values ('more', 'x')",
  ])("PG-10: this only adds: %s", async (text) => {
    expect(await disturbances(url, run(text))).toEqual([]);
  });

  test.each([
    ["drop table marks", "table marks is gone"],
    ["alter table marks rename to votes", "table marks is gone"],
    ["alter table users drop column avatar", "column users.avatar is gone"],
    ["alter table users rename column avatar to picture", "column users.avatar is gone"],
    ["alter table users alter column avatar type varchar(10)", "table users is written anew, and locked meanwhile"],
    ["alter table users alter column power type numeric", "column users.power has another type"],
    ["alter table logins alter column previous_hash set not null", "column logins.previous_hash is required now"],
    ["alter table users alter column power drop default", "column users.power is filled in another way"],
    [
      "alter table marks add column more bigint not null",
      "column marks.more is required, and an older version leaves it out",
    ],
    [
      "alter table users add column more double precision default random()",
      "table users is written anew, and locked meanwhile",
    ],
    ["create index more on messages (type)", "is new: messages: index CREATE INDEX more ON "],
    ["alter table messages add constraint more check (type > 0)", "is new: messages: constraint more CHECK"],
    ["alter table messages add column more bigint unique", "is new: messages: constraint messages_more_key UNIQUE"],
    ["drop index logins_uid", "is gone: logins: index"],
    ["update users set power = 0", "changes rows: update users"],
    ["with old as (select 1) delete from marks", "changes rows: with old"],
  ])("PG-10: this does more than add: %s", async (text, wanted) => {
    const found = await disturbances(url, run(text));
    expect(found.filter((line) => line.startsWith(wanted)).length, found.join("\n")).toBeGreaterThan(0);
  });

  test("PG-10: nothing of what was tried stays", async () => {
    const rows = await withRaw({ url }, ({ rows }) =>
      rows("select 1 from information_schema.columns where column_name in ('more', 'picture')"),
    );
    expect(rows).toEqual([]);
  });
});
