/** When `parley move` refuses, and what is left when it ends in the middle: nothing. */
import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { move } from "../src/db/move.ts";
import { prepareDatabase } from "../src/db/open.ts";
import { lockDataDir } from "../src/db/sqlite/lock.ts";
import { GuardedPostgres, SECRET, unusable } from "./guarded-postgres.ts";
import { holdMove } from "./held-move.ts";
import { hasPgBouncer, startPgBouncer } from "./pg-bouncer.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, PostgresServer } from "./postgres-server.ts";
import { withRaw } from "./test-database.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
/** Of the long table, in the middle of which a move can be held. */
const ROWS = 20_000;

const dir = mkdtempSync(join(tmpdir(), "parley-move-"));
/** With a small installation, and with one that has a long table. */
const [small, large] = [join(dir, "small"), join(dir, "large")];
let guarded: GuardedPostgres;
let server: PostgresServer;
beforeAll(async () => {
  if (!hasPostgres) return;
  guarded = await GuardedPostgres.start();
  server = guarded.server;
  for (const folder of [small, large]) await prepareDatabase({ dir: folder, databaseUrl: undefined }, 1);
  using file = new Database(join(large, "parley.db"));
  file.run(`insert into known_requesters (uid, mark, seen_at)
    with recursive n(i) as (select 1 union all select i + 1 from n where i < ${ROWS}) select i, hex(randomblob(16)), i from n`);
}, 60_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function started(url: string, { from = small, env = {} }: { from?: string; env?: Record<string, string> } = {}) {
  return Bun.spawn([process.execPath, MAIN, "move", "--to", url], {
    env: { PATH: process.env.PATH ?? "", DATA_DIR: from, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 60_000,
  });
}

async function moving(url: string, more: Parameters<typeof started>[1] = {}) {
  const child = started(url, more);
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** What tables a database has. */
async function tablesAt(url: string): Promise<string[]> {
  return withRaw({ url }, async (raw) => {
    const rows = await raw.rows<{ name: string }>(
      "select tablename as name from pg_tables where schemaname = current_schema()",
    );
    return rows.map(({ name }) => name);
  });
}

/** Names, sizes and contents of the files of a data folder. */
const filesOf = (folder: string) =>
  readdirSync(folder)
    // What readers tell each other in memory (-shm) is no data.
    .filter((name) => /^parley\.db(-wal)?$/.test(name) && statSync(join(folder, name)).size > 0)
    .sort()
    .map((name) => [name, Bun.hash(readFileSync(join(folder, name))), statSync(join(folder, name)).mtimeMs] as const);

const at: GuardedPostgres["at"] = (user, more) => guarded.at(user, more);

describe.skipIf(!hasPostgres)("a move that ends in the middle", () => {
  test("MOVE-3: kill -9 leaves the target empty and the source as it was; the next one moves everything", async () => {
    const url = await server.freshDatabase();
    const before = filesOf(large);
    const held = await holdMove(url, "rows");
    const child = started(url, { from: large });
    await held.reached();
    child.kill("SIGKILL");
    await child.exited;
    await held.release();
    expect(child.signalCode).toBe("SIGKILL");
    const name = new URL(url).pathname.slice(1);
    await until("its session is gone", async () => {
      const [row] = await server.query<{ n: number }>(
        "select count(*)::int as n from pg_stat_activity where datname = $1 and application_name = 'parley'",
        [name],
      );
      return row?.n === 0;
    });
    expect(await tablesAt(url)).toEqual([]);
    expect(filesOf(large)).toEqual(before);

    const again = await moving(url, { from: large });
    expect([again.code, again.err]).toEqual([0, ""]);
    expect(again.out).toContain("known_requesters: 20 000 rows\n");
    await withRaw({ url }, async (raw) =>
      expect(await raw.rows("select count(*) as n from known_requesters")).toEqual([{ n: ROWS }]),
    );
  }, 60_000);

  test("MOVE-3: a PostgreSQL that dies is one sentence, and the next move finds an empty database", async () => {
    const own = await PostgresServer.start();
    const url = await own.freshDatabase();
    const held = await holdMove(url, "rows");
    const child = started(url, { from: large });
    await held.reached();
    await own.kill();
    const err = await new Response(child.stderr).text();
    expect(await child.exited).toBe(1);
    expect(err).toMatch(/^PostgreSQL at 127\.0\.0\.1:\d+, database test_1, cannot be reached \(.*\)\.\n$/);
    await own.startAgain();
    expect(await tablesAt(url)).toEqual([]);
    expect((await moving(url, { from: large })).code).toBe(0);
  }, 60_000);

  test("MOVE-3: whatever somebody writes to the source meanwhile, nothing is moved", async () => {
    const folder = join(dir, "written");
    mkdirSync(folder);
    copyFileSync(join(small, "parley.db"), join(folder, "parley.db"));
    const url = await server.freshDatabase();
    const onRows = ({ table }: { table: string }) => {
      if (table !== "messages") return;
      using file = new Database(join(folder, "parley.db"));
      file.run("update rooms set notice = 'other'");
    };
    await expect(move(folder, url, { now: 1, onRows })).rejects.toThrow(
      /Nothing was moved: something, such as parley user, wrote to parley\.db in .* meanwhile\. Run the command again/,
    );
    expect(await tablesAt(url)).toEqual([]);
    expect(await moving(url, { from: folder })).toMatchObject({ code: 0, err: "" });
    await withRaw({ url }, async (raw) =>
      expect(await raw.rows("select notice from rooms")).toEqual([{ notice: "other" }]),
    );
  }, 60_000);

  test("MOVE-3: two moves at once: one of them is refused", async () => {
    const url = await server.freshDatabase();
    const held = await holdMove(url, "rows");
    const first = started(url, { from: large });
    await held.reached();
    const second = await moving(url);
    expect(second).toMatchObject({
      code: 1,
      err: "The database of --to is being filled or updated by another process.\n",
    });
    await held.release();
    expect(await first.exited).toBe(0);
  }, 60_000);
});

describe.skipIf(!hasPostgres)("a move that is refused", () => {
  test("MOVE-5: while a server uses the data folder", async () => {
    const url = await server.freshDatabase();
    const unlock = lockDataDir(small);
    const refused = await moving(url);
    unlock();
    expect(refused).toEqual({
      code: 1,
      out: "",
      err: `A Parley server uses the data folder ${small}. Stop it first.\n`,
    });
    expect(await tablesAt(url)).toEqual([]);
  }, 30_000);

  test("MOVE-5: into a database with an installation: it says whether it is this one", async () => {
    const url = await server.freshDatabase();
    expect((await moving(url)).code).toBe(0);
    const rows = await withRaw({ url }, (raw) => raw.rows("select * from meta"));
    expect((await moving(url)).err).toMatch(
      /^PostgreSQL at \S+, database test_\d+, has this installation already: it was moved before\. Set DATABASE_URL/,
    );
    const other = await moving(url, { from: large });
    expect(other.err).toMatch(
      /^PostgreSQL at \S+, database test_\d+, has another installation of Parley, and is left as it is\./,
    );
    expect([other.code, other.out]).toEqual([1, ""]);
    expect(await withRaw({ url }, (raw) => raw.rows("select * from meta"))).toEqual(rows);
  }, 30_000);

  const targets: ReturnType<typeof unusable> = [
    ...unusable(() => guarded, "--to"),
    [
      "a standby",
      async () => {
        const standby = await PostgresServer.start({ standbyOf: server });
        return at("parley:wrong-secret-8", { port: standby.port });
      },
      "--to leads to a standby, which takes no writes.",
    ],
  ];
  test.each(targets)(
    "MOVE-5: to %s, in one sentence without the password",
    async (_, address, says) => {
      const { code, out, err } = await moving(await address());
      expect(err).toContain(says);
      expect(err.trim().split("\n")).toHaveLength(1);
      expect(err).not.toContain("secret");
      expect(err).not.toContain("DATABASE_URL");
      expect([code, out]).toEqual([1, ""]);
    },
    40_000,
  );

  test.skipIf(!hasPgBouncer)(
    "MOVE-5: to a pooler in transaction mode",
    async () => {
      const port = await startPgBouncer(server, "transaction");
      const url = await server.freshDatabase();
      const { code, err } = await moving(url.replace(/:\d+\//, `:${port}/`));
      expect(err).toStartWith("--to leads to a pooler in transaction mode");
      expect(code).toBe(1);
      expect(await tablesAt(url)).toEqual([]);
    },
    40_000,
  );

  test("MOVE-5: the right password works, in the address or in PGPASSWORD, and is never shown", async () => {
    for (const [user, env] of [
      [`guarded:${SECRET}`, {}],
      ["guarded", { PGPASSWORD: SECRET }],
    ] as const) {
      const database = new URL(await server.freshDatabase()).pathname.slice(1);
      await server.query(`alter database ${database} owner to guarded`);
      const { code, out, err } = await moving(at(user, { database }), { env });
      expect([code, err]).toEqual([0, ""]);
      expect(out).not.toContain("secret");
      expect(out).toContain(`PostgreSQL at 127.0.0.1:${server.port}, database ${database}, has everything now: `);
      expect(out).toContain("set DATABASE_URL to that address");
    }
  }, 40_000);

  test("MOVE-5: from a database of another version", async () => {
    const url = await server.freshDatabase();
    for (const [change, says] of [
      [
        "delete from migrations where name = '0026-writers'",
        /was written by an earlier version of Parley\. Run parley migrate first/,
      ],
      [
        "insert into migrations values ('9999-later', 1)",
        /was written by a newer version of Parley \(it has migration 9999-later\)/,
      ],
      ["delete from migrations", /made by another program; DATA_DIR says where to look/],
    ] as const) {
      const folder = mkdtempSync(join(dir, "version-"));
      copyFileSync(join(small, "parley.db"), join(folder, "parley.db"));
      using file = new Database(join(folder, "parley.db"));
      file.run(change);
      const before = filesOf(folder);
      const { code, err } = await moving(url, { from: folder });
      expect(err).toMatch(says);
      expect(err.trim().split("\n")).toHaveLength(1);
      expect(code).toBe(1);
      expect(filesOf(folder)).toEqual(before);
    }
    expect(await tablesAt(url)).toEqual([]);
  }, 40_000);

  test("MOVE-5: from nowhere, or from PostgreSQL", async () => {
    const nowhere = join(dir, "nowhere");
    expect(await moving(at("parley"), { from: nowhere })).toMatchObject({
      code: 1,
      err: expect.stringContaining(`There is no database in ${nowhere}. DATA_DIR has to name the data folder`),
    });
    expect(existsSync(nowhere)).toBe(false);
    const set = await moving(at("parley"), { env: { DATABASE_URL: at("parley:wrong-secret-8") } });
    expect(set).toEqual({
      code: 1,
      out: "",
      err: "DATABASE_URL is set, so the data is in PostgreSQL already. To move the database in DATA_DIR, run the command without DATABASE_URL.\n",
    });
  }, 40_000);

  test.each([
    [["move"]],
    [["move", "postgres://u:very-secret-7@h/d"]],
    [["move", "--to", "mysql://u:very-secret-7@h/d"]],
    [["move", "--to", "postgres://u:very-secret-7@h"]],
    [["move", "--from", "postgres://u:very-secret-7@h/d"]],
    [["move", "--to", "postgres://u:very-secret-7@h/d?sslmode=maybe"]],
    [["move", "--to=postgres://u:very-secret-7@h/d", "postgres://u:very-secret-7@h/d"]],
  ])(
    "MOVE-5: parley %j is a wrong call",
    async (args) => {
      const child = Bun.spawnSync([process.execPath, MAIN, ...args], {
        env: { PATH: process.env.PATH ?? "", DATA_DIR: small },
      });
      expect(child.exitCode).toBe(2);
      expect(child.stderr.toString()).toContain("Try: parley move --help");
      expect(child.stderr.toString()).not.toContain("secret");
    },
    20_000,
  );
});
