import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Kysely, sql } from "kysely";
import { existingDatabase, prepareDatabase } from "../open.ts";
import { DataDirUnusable } from "./data-dir.ts";
import { readerDialect, writerDialect } from "./dialect.ts";
import { fileFault, passingFault } from "./faults.ts";
import { holdExclusively } from "./files.ts";
import { lockDataDir } from "./lock.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-faults-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error("nothing was thrown");
}

test("a full disk, a file that may not be written and one that another program locks are told by SQLite's own codes", () => {
  const file = new Database(join(dir, "a.db"));
  file.run("create table notes (text blob)");
  file.run("pragma max_page_count = 3");
  const fill = () => {
    for (let i = 0; i < 9; i++) file.run("insert into notes values (zeroblob(4000))");
  };
  for (const faultOf of [fileFault, passingFault]) {
    expect(faultOf(thrownBy(fill))).toBe("cannot grow, since its disk is full (SQLite: database or disk is full).");
  }
  const reader = new Database(join(dir, "a.db"), { readonly: true });
  expect(fileFault(thrownBy(() => reader.run("delete from notes")))).toBe(
    "cannot be written to by this user (SQLite: attempt to write a readonly database).",
  );
  const other = new Database(join(dir, "a.db"));
  other.run("begin immediate");
  expect(fileFault(thrownBy(() => file.run("delete from notes")))).toBe(
    "is locked by another program (SQLite: database is locked).",
  );
  for (const one of [file, reader, other]) one.close();
});

test("HTTP-50: what waiting does not help against is no passing fault", () => {
  const path = join(dir, "letter.db");
  writeFileSync(path, "a letter, not a database; ".repeat(100));
  const error = thrownBy(() => new Database(path).run("select * from notes"));
  expect([fileFault(error), passingFault(error)]).toEqual([expect.stringContaining("is not a database"), undefined]);
});

test("an error about what was asked for is no fault of the file", () => {
  const file = new Database(join(dir, "a.db"));
  file.run("create table notes (id integer primary key)");
  file.run("insert into notes values (1)");
  expect(fileFault(thrownBy(() => file.run("insert into notes values (1)")))).toBeUndefined();
  expect(fileFault(thrownBy(() => file.run("select * from nothing")))).toBeUndefined();
  expect(fileFault(new Error("SQLITE_FULL"))).toBeUndefined();
  file.close();
});

test.skipIf(process.platform !== "linux")(
  "a file that cannot be opened, or that is locked, is not kept open",
  async () => {
    const open = () => readdirSync("/proc/self/fd").length;
    writeFileSync(join(dir, "parley.db"), "a letter, not a database; ".repeat(100));
    const release = holdExclusively(join(dir, "parley.lock"));
    const before = open();
    for (let n = 0; n < 20; n++) {
      const writer = new Kysely<unknown>({ dialect: writerDialect(join(dir, "parley.db")) });
      await expect(sql`select 1`.execute(writer)).rejects.toThrow("could not be opened");
      await writer.destroy();
      expect(holdExclusively(join(dir, "parley.lock"))).toBeUndefined();
    }
    expect(open() - before).toBeLessThan(10);
    release?.();
  },
);

test("a lock file that is something else is said to be, and does not count as held", () => {
  writeFileSync(join(dir, "parley.lock"), "a letter, not a lock; ".repeat(100));
  const error = thrownBy(() => lockDataDir(dir));
  expect(error).toBeInstanceOf(DataDirUnusable);
  expect((error as Error).message).toBe(
    `parley.lock in ${dir} is not a database; DATA_DIR says where to look (SQLite: file is not a database).`,
  );
  const release = holdExclusively(join(dir, "other.lock"));
  expect(holdExclusively(join(dir, "other.lock"))).toBeUndefined();
  release?.();
});

test("an empty file is a database that is still to be made", async () => {
  writeFileSync(join(dir, "parley.db"), "");
  await expect(existingDatabase({ dir, databaseUrl: undefined })).rejects.toThrow("There is no database in");
  const path = await prepareDatabase({ dir, databaseUrl: undefined }, 1);
  expect(await existingDatabase({ dir, databaseUrl: undefined })).toEqual(path);
});

test("readers and the writer say which file they could not open", async () => {
  const path = join(dir, "letter.db");
  writeFileSync(path, "a letter, not a database; ".repeat(100));
  for (const dialect of [readerDialect(path, 1), writerDialect(path)]) {
    const driver = dialect.createDriver();
    await driver.init();
    const opened = (async () => driver.acquireConnection())();
    await expect(opened).rejects.toThrow(`${path} could not be opened`);
    await driver.destroy();
  }
});
