/** The mark that `parley move` leaves beside the database that it has moved: when it is made, and when it is not. */
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { move } from "../src/db/move.ts";
import { prepareDatabase } from "../src/db/open.ts";
import { holdMove } from "./held-move.ts";
import { Line } from "./line.ts";
import { parleyCommand } from "./parley-command.ts";
import { throughLine, until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { withRaw } from "./test-database.ts";

let dir: string;
let mark: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "parley-move-"));
  mark = join(dir, "parley.moved");
  await prepareDatabase({ dir, databaseUrl: undefined }, 1);
}, 30_000);
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const freshUrl = async () => (await sharedPostgres()).freshDatabase();
const nameOf = (url: string) => `PostgreSQL at ${new URL(url).host}, database ${new URL(url).pathname.slice(1)}`;

async function tablesAt(url: string): Promise<number> {
  const rows = await withRaw({ url }, (raw) => raw.rows("select 1 from pg_tables where schemaname = current_schema()"));
  return rows.length;
}

/** Makes the commit of a move fail at `url`, and nothing before it. */
async function refuseCommit(url: string): Promise<void> {
  await withRaw({ url }, async (raw) => {
    await raw.rows("create function refuse() returns trigger language plpgsql as $$ begin raise 'no commit'; end $$");
    await raw.rows(`create function on_table() returns event_trigger language plpgsql as $$ begin
      if exists (select 1 from pg_event_trigger_ddl_commands() where object_identity = 'public.migrations') then
        create constraint trigger refuse after insert on migrations deferrable initially deferred for each row execute function refuse();
      end if; end $$`);
    await raw.rows(
      "create event trigger on_table on ddl_command_end when tag in ('CREATE TABLE') execute function on_table()",
    );
  });
}

describe.skipIf(!hasPostgres)("the mark of a move", () => {
  test("MOVE-6: it names the database, without the user and the password, and only commands without DATABASE_URL are refused", async () => {
    const url = await freshUrl();
    const withPassword = url.replace(/^(postgres:\/\/[^:@/]+)(:[^@]*)?@/, "$1:wrong-secret-8@");
    expect(withPassword).toContain("secret");
    const before = Bun.hash(readFileSync(join(dir, "parley.db")));
    const moved = await parleyCommand(["move", "--to", withPassword], { DATA_DIR: dir });
    expect(moved).toMatchObject({ code: 0, err: "" });
    expect(moved.out).toContain("parley.moved");
    expect(moved.out).toMatch(/, among them 1 account, 1 room, 0 messages\n/);
    expect(moved.out).not.toMatch(/\b1 rows/);
    expect(readFileSync(mark, "utf8")).toBe(`${nameOf(url)}\n`);
    expect(Bun.hash(readFileSync(join(dir, "parley.db")))).toBe(before);
    const refused = await parleyCommand(["key", "list"], { DATA_DIR: dir });
    expect(refused).toEqual({
      code: 1,
      out: "",
      err: `The data in ${dir} was moved to ${nameOf(url)}: set DATABASE_URL to that address, or remove ${mark} to go on with the old data.\n`,
    });
    expect(await parleyCommand(["key", "list"], { DATA_DIR: dir, DATABASE_URL: url })).toMatchObject({ code: 0 });
  }, 30_000);

  test("MOVE-6: a move that is refused or fails leaves no mark, or the earlier one", async () => {
    const url = await freshUrl();
    await refuseCommit(url);
    await expect(move(dir, url, { now: 1 })).rejects.toThrow("no commit");
    expect([existsSync(mark), await tablesAt(url)]).toEqual([false, 0]);
    writeFileSync(mark, "an earlier one\n");
    await expect(move(dir, url, { now: 1 })).rejects.toThrow("no commit");
    expect(readFileSync(mark, "utf8")).toBe("an earlier one\n");
  }, 30_000);

  test("MOVE-6: where the mark cannot be made, nothing is moved", async () => {
    const url = await freshUrl();
    mkdirSync(mark);
    const { code, err } = await parleyCommand(["move", "--to", url], { DATA_DIR: dir });
    expect([code, err]).toEqual([1, expect.stringContaining(`parley.moved in ${dir} cannot be written (`)]);
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(await tablesAt(url)).toBe(0);
    rmSync(mark, { recursive: true });
    expect((await parleyCommand(["move", "--to", url], { DATA_DIR: dir })).code).toBe(0);
  }, 30_000);

  test("MOVE-6: it is there when the answer to the commit is lost, and a move that finds everything there makes it again", async () => {
    const postgres = await sharedPostgres();
    const url = await postgres.freshDatabase();
    const held = await holdMove(url, "commit");
    const line = new Line(postgres.port);
    const moving = move(dir, throughLine(url, line), { now: 1 }).catch((error: Error) => error.message);
    await held.reached();
    line.delay({ toClient: 600_000 });
    await held.release();
    await until("it is committed", async () => (await tablesAt(url)) > 0);
    expect(existsSync(mark)).toBe(true);
    line.cut();
    expect(await moving).toMatch(/cannot be reached/);
    expect(existsSync(mark)).toBe(true);
    rmSync(mark);
    await expect(move(dir, url, { now: 1 })).rejects.toThrow("has this installation already");
    expect(readFileSync(mark, "utf8")).toBe(`${nameOf(url)}\n`);
  }, 30_000);

  test("MOVE-6: into another installation, nothing is marked", async () => {
    const url = await freshUrl();
    await prepareDatabase({ dir: "", databaseUrl: url }, 0);
    await expect(move(dir, url, { now: 1 })).rejects.toThrow("has another installation");
    expect(existsSync(mark)).toBe(false);
  }, 30_000);
});
