import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parleyCommand } from "../../test/parley-command.ts";
import { lockDataDir } from "../db/sqlite/lock.ts";

/** `parley backup` and `parley restore`, in this process. */
let dir: string;
let data: string;
let file: string;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "parley-backup-"));
  data = join(dir, "data");
  file = join(dir, "copy.db");
  await parley("migrate");
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

async function parley(...args: string[]) {
  return parleyIn(data, ...args);
}

const parleyIn = (dataDir: string, ...args: string[]) => parleyCommand(args, { DATA_DIR: dataDir });

const restored = () => join(dir, "restored");
const fails = (err: string) => ({ code: 1, out: "", err });
const epochIn = async (dataDir: string) => (await parleyIn(dataDir, "epoch")).out;

test("BAK-1: a backup is a whole database in one file, which its owner alone may read", async () => {
  using open = new Database(join(data, "parley.db"));
  open.run("insert into meta values ('in the journal', 'yes')");
  expect(statSync(join(data, "parley.db-wal")).size).toBeGreaterThan(0);
  const before = process.umask(0);
  const done = await parley("backup", file);
  process.umask(before);
  expect({ ...done, out: "" }).toEqual({ code: 0, out: "", err: "" });
  expect(done.out).toMatch(/^The database in \S+\/data is in \S+\/copy\.db now \(\d+\.\d MB\)\.\n$/);
  expect((statSync(file).mode & 0o777).toString(8)).toBe("600");
  expect(readdirSync(dir).toSorted()).toEqual(["copy.db", "data"]);
  using copy = new Database(file, { readonly: true });
  expect(copy.query("pragma integrity_check").all()).toEqual([{ integrity_check: "ok" }]);
  expect(copy.query("select value from meta where key = 'in the journal'").get()).toEqual({ value: "yes" });
  // Needs nothing beside it.
  expect(copy.query("pragma journal_mode").get()).toEqual({ journal_mode: "delete" });
});

test.each<[what: string, make: (path: string) => void]>([
  ["a file", (path) => writeFileSync(path, "a letter")],
  ["an empty file", (path) => writeFileSync(path, "")],
  ["a link that leads nowhere", (path) => symlinkSync(join(dir, "nowhere"), path)],
  ["a folder", (path) => mkdirSync(path)],
])("BAK-1: where %s has the name of the backup, or of its unfinished form, it is left as it is", async (_, make) => {
  for (const taken of [file, `${file}.partial`]) {
    make(taken);
    const listing = readdirSync(dir);
    const message = `${taken} exists already, and is left as it is. Choose a name that is not taken, or move the file away.\n`;
    expect(await parley("backup", file)).toEqual(fails(message));
    expect(readdirSync(dir)).toEqual(listing);
    expect(existsSync(join(dir, "nowhere"))).toBe(false);
    if (statSync(taken, { throwIfNoEntry: false })?.size === 8) expect(readFileSync(taken, "utf8")).toBe("a letter");
    rmSync(taken, { recursive: true, force: true });
  }
});

test.each<[args: string[], message: string]>([
  [["backup"], "parley backup takes one FILE"],
  [["backup", ""], "parley backup takes one FILE"],
  [["backup", "a", "b"], "parley backup takes one FILE"],
  [["backup", "--force", "a"], "Unknown option '--force'"],
  [["restore"], "parley restore takes one FILE"],
  [["restore", "a", "b"], "parley restore takes one FILE"],
])("BAK-1, BAK-3: parley %j is a wrong call", async (args, message) => {
  const { code, out, err } = await parley(...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(message);
});

test("BAK-1: what stands in the way of a backup is said, and nothing is left of the try", async () => {
  expect(await parley("backup", join(dir, "none", "x"))).toEqual(fails(`There is no folder ${join(dir, "none")}.\n`));
  writeFileSync(file, "a letter");
  expect(await parley("backup", join(file, "x"))).toEqual(fails(`${file} is not a folder.\n`));
  rmSync(file);
  expect((await parleyIn(join(dir, "none"), "backup", file)).err).toContain("There is no database in");
  expect(existsSync(join(dir, "none"))).toBe(false);
  const path = join(data, "parley.db");
  writeFileSync(path, readFileSync(path).fill(0x5a, statSync(path).size - 8192));
  const { code, err } = await parley("backup", file);
  expect([code, err]).toEqual([1, expect.stringContaining(`${path} is damaged; restore a backup (SQLite: `)]);
  expect(readdirSync(dir)).toEqual(["data"]);
});

test("BAK-3: a backup is put into a folder without a database, with a new epoch and for its owner alone", async () => {
  await parley("backup", file);
  const message = `The backup ${file} is in ${restored()} now, with a new epoch. Start the server.\n`;
  expect(await parleyIn(restored(), "restore", file)).toEqual({ code: 0, out: message, err: "" });
  expect(readdirSync(restored()).toSorted()).toEqual(["parley.db", "parley.lock"]);
  expect((statSync(restored()).mode & 0o777).toString(8)).toBe("700");
  expect((statSync(join(restored(), "parley.db")).mode & 0o777).toString(8)).toBe("600");
  expect(await epochIn(restored())).toMatch(/^[0-9a-f]{16}\n$/);
  expect(await epochIn(restored())).not.toBe(await epochIn(data));
  // The lock is given back.
  lockDataDir(restored())();
  // Each restore has an epoch of its own: the server may have run in between.
  const first = await epochIn(restored());
  rmSync(restored(), { recursive: true });
  await parleyIn(restored(), "restore", file);
  expect(await epochIn(restored())).not.toBe(first);
});

test.each(["parley.db", "parley.db-wal", "parley.db-shm", "parley.db-journal"])(
  "BAK-3: a folder that has %s is left as it is",
  async (name) => {
    await parley("backup", file);
    mkdirSync(restored());
    writeFileSync(join(restored(), name), "earlier");
    const { code, err } = await parleyIn(restored(), "restore", file);
    expect([code, err]).toEqual([1, expect.stringContaining(`There is a database in ${restored()} already`)]);
    expect(err).toContain(`Move ${name} elsewhere`);
    expect(readFileSync(join(restored(), name), "utf8")).toBe("earlier");
  },
);

test("BAK-3: what is left of a restore that was cut off is in nobody's way", async () => {
  await parley("backup", file);
  mkdirSync(restored());
  for (const end of ["", "-wal", "-journal"]) writeFileSync(join(restored(), `parley.db.restored${end}`), "half");
  expect((await parleyIn(restored(), "restore", file)).code).toBe(0);
  expect(readdirSync(restored()).toSorted()).toEqual(["parley.db", "parley.lock"]);
});

test("BAK-3: nothing is restored while a server uses the folder", async () => {
  await parley("backup", file);
  const unlock = lockDataDir(restored());
  const message = `A Parley server uses the data folder ${restored()}. Stop it first.\n`;
  expect(await parleyIn(restored(), "restore", file)).toEqual(fails(message));
  unlock();
  expect(readdirSync(restored())).toEqual(["parley.lock"]);
});

/** Makes a database of another kind in the place of the backup. */
function foreign(...statements: string[]): void {
  rmSync(file, { force: true });
  using database = new Database(file);
  for (const statement of statements) database.run(statement);
}

/** Changes a value in a table and not in its index, which copying the pages does not notice. */
function spoilIndex(): void {
  const database = new Database(file);
  for (const statement of [
    "create table odd (x)",
    "create index odd_x on odd (x)",
    "insert into odd values ('needle')",
  ])
    database.run(statement);
  database.close();
  const bytes = readFileSync(file);
  expect(bytes.lastIndexOf("needle")).toBeGreaterThan(bytes.indexOf("needle"));
  bytes.write("meddle", bytes.lastIndexOf("needle"));
  writeFileSync(file, bytes);
}

const PG_DUMP = "copy.db is a dump of PostgreSQL. Put it into a database there: an archive with pg_restore";

test.each<[what: string, make: () => void, message: string]>([
  ["a backup whose index lacks a row", spoilIndex, "copy.db is damaged: row 1 missing from index odd_x"],
  ["no file", () => rmSync(file), "There is no file "],
  ["a folder", () => [rmSync(file), mkdirSync(file)], "There is no file "],
  [
    "a letter",
    () => writeFileSync(file, "a letter, no database ".repeat(100)),
    "copy.db is not a database, and so not a backup",
  ],
  ["an archive of pg_dump", () => writeFileSync(file, Buffer.from("PGDMP\x01\x0f\0\x04\x08")), PG_DUMP],
  ["statements of pg_dump", () => writeFileSync(file, "--\n-- PostgreSQL database dump\n--\n\nset x = 1;\n"), PG_DUMP],
  ["an empty file", () => writeFileSync(file, ""), "copy.db is not a backup of Parley."],
  ["another program's", () => foreign("create table users (name text)"), "copy.db is not a backup of Parley."],
  ["half a backup", () => writeFileSync(file, readFileSync(file).subarray(0, 200_000)), "copy.db is damaged"],
  [
    "a backup with a page that was written over",
    () => writeFileSync(file, readFileSync(file).fill(0x5a, 8192, 12_288)),
    "copy.db is damaged",
  ],
])("BAK-3: %s is refused, and no database is left", async (_, make, message) => {
  await parley("backup", file);
  make();
  const { code, out, err } = await parleyIn(restored(), "restore", file);
  expect([code, out, err]).toEqual([1, "", expect.stringContaining(message)]);
  expect(err).not.toContain("    at ");
  const left = existsSync(restored()) ? readdirSync(restored()) : [];
  expect(left.filter((name) => name !== "parley.lock")).toEqual([]);
});

test("BAK-3: a backup of a newer version is refused, and one of an older version gets the present form", async () => {
  await parley("backup", file);
  const newer = new Database(file);
  newer.run("insert into migrations values ('9999-later', 1)");
  newer.close();
  const refused = await parleyIn(restored(), "restore", file);
  expect([refused.code, refused.err]).toEqual([1, expect.stringContaining("was written by a newer version of Parley")]);
  expect(existsSync(join(restored(), "parley.db"))).toBe(false);

  // As before the migration that made these tables.
  const older = new Database(file);
  older.run("delete from migrations where name in ('9999-later', '0024-webhooks')");
  for (const { name } of older
    .query<{ name: string }, []>("select name from sqlite_schema where type = 'table' and name like 'webhook%'")
    .all()) {
    older.run(`drop table ${name}`);
  }
  older.close();
  expect((await parleyIn(restored(), "restore", file)).code).toBe(0);
  using now = new Database(join(restored(), "parley.db"));
  expect(now.query("select count(*) as n from migrations where name = '0024-webhooks'").get()).toEqual({ n: 1 });
});
