/** The end of `parley move`: a commit whose answer is lost, one that fails, and a disk that is full before it. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { move } from "../src/db/move.ts";
import { prepareDatabase } from "../src/db/open.ts";
import { holdMove } from "./held-move.ts";
import { Line } from "./line.ts";
import { throughLine, until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer, sharedPostgres } from "./postgres-server.ts";
import { withRaw } from "./test-database.ts";

const isRoot = process.getuid?.() === 0;
const dir = mkdtempSync(join(tmpdir(), "parley-move-"));
beforeAll(async () => {
  await prepareDatabase({ dir, databaseUrl: undefined }, 1);
  using file = new Database(join(dir, "parley.db"));
  file.run(`insert into known_requesters (uid, mark, seen_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < 50000) select i, hex(randomblob(300)), i from n`);
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function tablesAt(url: string): Promise<number> {
  const rows = await withRaw({ url }, (raw) => raw.rows("select 1 from pg_tables where schemaname = current_schema()"));
  return rows.length;
}

const failureOf = (moving: Promise<unknown>) =>
  moving.then(
    () => undefined,
    (error: Error) => error,
  );

describe.skipIf(!hasPostgres)("the end of a move", () => {
  test("MOVE-3: if the answer to the commit is lost, the next run says that everything is there", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase();
    const held = await holdMove(url, "commit");
    const line = new Line(postgres.port);
    const moving = failureOf(move(dir, throughLine(url, line), { now: 1 }));
    await held.reached();
    line.delay({ toClient: 600_000 });
    await held.release();
    await until("it is committed", async () => (await tablesAt(url)) > 0);
    line.cut();
    expect((await moving)?.message).toMatch(/^PostgreSQL at .* cannot be reached \(.*\)\.$/);
    expect((await failureOf(move(dir, url, { now: 1 })))?.message).toContain(
      "has this installation already: it was moved before.",
    );
    await withRaw({ url }, async (raw) =>
      expect(await raw.rows("select count(*) as n from known_requesters")).toEqual([{ n: 50_000 }]),
    );
  }, 60_000);

  test("MOVE-3: a session that an administrator ends before the commit leaves nothing", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase();
    const name = new URL(url).pathname.slice(1);
    const held = await holdMove(url, "commit");
    const moving = failureOf(move(dir, url, { now: 1 }));
    await held.reached();
    await postgres.query(
      "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1 and application_name = 'parley'",
      [name],
    );
    await held.release();
    const failure = await moving;
    expect(failure?.message).toMatch(
      /^PostgreSQL at .* (was shut down, or an administrator ended the connection|cannot be reached)/,
    );
    expect(await tablesAt(url)).toBe(0);
    await move(dir, url, { now: 1 });
  }, 60_000);

  test("MOVE-3: rows that did not arrive are noticed, and nothing is moved", async () => {
    const url = await (await sharedPostgres()).freshDatabase();
    await withRaw({ url }, async (raw) => {
      await raw.rows("create function lose() returns trigger language plpgsql as $$ begin return null; end $$");
      await raw.rows(`create function on_table() returns event_trigger language plpgsql as $$ begin
        if exists (select 1 from pg_event_trigger_ddl_commands() where object_identity = 'public.known_requesters') then
          create trigger lose before insert on known_requesters for each row when (new.seen_at = 7) execute function lose();
        end if; end $$`);
      await raw.rows(
        "create event trigger on_table on ddl_command_end when tag in ('CREATE TABLE') execute function on_table()",
      );
    });
    expect((await failureOf(move(dir, url, { now: 1 })))?.message).toBe(
      "Nothing was moved: known_requesters has 50000 rows in SQLite and 49999 in PostgreSQL.",
    );
    expect(await tablesAt(url)).toBe(0);
  }, 60_000);

  test.skipIf(!isRoot)(
    "MOVE-3: a disk that is full is one sentence, and leaves nothing",
    async () => {
      const postgres = await PostgresServer.start({ diskMiB: 24 });
      await postgres.query(`create tablespace small location '${postgres.disk}'`);
      await postgres.query("create database chat template template0 tablespace small");
      const url = postgres.url("chat");
      const failure = await failureOf(move(dir, url, { now: 1 }));
      expect(failure?.message).toMatch(/^PostgreSQL at .* cannot grow, since its disk is full \(/);
      expect(await tablesAt(url)).toBe(0);
    },
    60_000,
  );
});
