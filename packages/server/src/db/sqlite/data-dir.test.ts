import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openReader, openWriter, prepareDatabase, prepareDatabaseForCommand } from "../open.ts";
import { DataDirUnusable, makeDataDir, privateFile } from "./data-dir.ts";
import { DataDirLocked, lockDataDir } from "./lock.ts";

const isRoot = process.getuid?.() === 0;
if (!isRoot) console.warn("these tests do not run as root: the one of another user's file is skipped");

const rights = (path: string) => (statSync(path).mode & 0o777).toString(8);

let dir: string;
let umask: number;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-rights-"));
  // The mask that lets everything through, so only our own code makes files private.
  umask = process.umask(0);
});
afterEach(() => {
  process.umask(umask);
  rmSync(dir, { recursive: true, force: true });
});

describe("the data folder", () => {
  test("is made for its owner alone, with the folders above it", () => {
    makeDataDir(join(dir, "a", "b"));
    expect(rights(join(dir, "a", "b"))).toBe("700");
  });

  test("keeps the rights that its owner gave it", () => {
    const open = join(dir, "open");
    mkdirSync(open, { mode: 0o750 });
    makeDataDir(open);
    expect(rights(open)).toBe("750");
  });

  test("that is a file, or in one, is said to be", () => {
    const file = join(dir, "file");
    writeFileSync(file, "");
    expect(() => makeDataDir(file)).toThrow(
      new DataDirUnusable(`DATA_DIR is ${JSON.stringify(file)}, wanted a folder; this is a file (EEXIST)`),
    );
    expect(() => makeDataDir(join(file, "x"))).toThrow("wanted a folder; this is in a file (ENOTDIR)");
    mkdirSync(join(dir, "data", "parley.db"), { recursive: true });
    expect(() => privateFile(join(dir, "data"), "parley.db")).toThrow("(parley.db: EISDIR)");
  });
});

describe("a file of the data folder", () => {
  test.each([true, false])(
    "that is a link is refused, and nothing changes where it leads (a file is there: %p)",
    (isThere) => {
      const elsewhere = join(dir, "elsewhere");
      if (isThere) writeFileSync(elsewhere, "theirs", { mode: 0o644 });
      symlinkSync(elsewhere, join(dir, "parley.db"));
      expect(() => privateFile(dir, "parley.db")).toThrow("(parley.db: ELOOP)");
      expect(existsSync(elsewhere) ? rights(elsewhere) : "none").toBe(isThere ? "644" : "none");
    },
  );

  test("beside which a link lies leaves what that leads to", () => {
    const elsewhere = join(dir, "elsewhere");
    writeFileSync(elsewhere, "theirs", { mode: 0o644 });
    symlinkSync(elsewhere, join(dir, "parley.db-wal"));
    privateFile(dir, "parley.db");
    expect(rights(elsewhere)).toBe("644");
  });

  test("is made for its owner alone, and nothing beside it", () => {
    expect(privateFile(dir, "parley.db")).toBe(join(dir, "parley.db"));
    expect([rights(join(dir, "parley.db")), readdirSync(dir)]).toEqual(["600", ["parley.db"]]);
  });

  test.each(["", "-wal", "-shm"])("that is there with others' rights loses them: parley.db%s", (suffix) => {
    for (const each of ["", "-wal", "-shm"]) writeFileSync(join(dir, `parley.db${each}`), "kept", { mode: 0o600 });
    const path = join(dir, `parley.db${suffix}`);
    chmodSync(path, 0o666);
    privateFile(dir, "parley.db");
    expect([rights(path), Bun.file(path).size]).toEqual(["600", 4]);
  });
});

test.skipIf(!isRoot)("a file of another user that may be written nevertheless is taken as it is", async () => {
  const path = join(dir, "parley.db");
  writeFileSync(path, "kept", { mode: 0o666 });
  chmodSync(dir, 0o777);
  const asNobody = `
    const { privateFile } = await import(${JSON.stringify(join(import.meta.dir, "data-dir.ts"))});
    process.setuid(65534);
    console.log(privateFile(${JSON.stringify(dir)}, "parley.db"));`;
  const child = Bun.spawn([process.execPath, "-e", asNobody], { stdout: "pipe", stderr: "pipe" });
  const [out, errors] = await Promise.all([child.stdout, child.stderr].map((said) => new Response(said).text()));
  const code = await child.exited;
  expect([out?.trim(), errors, code]).toEqual([path, "", 0]);
  expect([rights(path), Bun.file(path).size]).toEqual(["666", 4]);
});

test("all files of a database in use are their owner's alone, in a folder that others may look into", async () => {
  const open = join(dir, "open");
  mkdirSync(open, { mode: 0o755 });
  const place = await prepareDatabase({ dir: open, databaseUrl: undefined }, 1);
  const [reader, writer] = [openReader(place), openWriter(place, { table: {} })];
  try {
    await reader.selectFrom("streams").selectAll().execute();
    await writer.run([]);
    const files = Object.fromEntries(readdirSync(open).map((name) => [name, rights(join(open, name))]));
    expect(files).toEqual({ "parley.db": "600", "parley.db-shm": "600", "parley.db-wal": "600" });
  } finally {
    await reader.destroy();
    await writer.close();
  }
});

test("one server at a time has a data folder, and another one has it when that is released", () => {
  const data = join(dir, "data");
  const release = lockDataDir(data);
  expect([rights(data), rights(join(data, "parley.lock"))]).toEqual(["700", "600"]);
  expect(() => lockDataDir(data)).toThrow(DataDirLocked);
  release();
  lockDataDir(data)();
  expect(existsSync(join(data, "parley.db"))).toBe(false);
});

test("a command makes a database only where no server is, and lets one in afterwards; one that is up to date it may use beside a server", async () => {
  const data = join(dir, "data");
  const release = lockDataDir(data);
  await expect(prepareDatabaseForCommand({ dir: data, databaseUrl: undefined }, 1)).rejects.toThrow(DataDirLocked);
  expect(existsSync(join(data, "parley.db"))).toBe(false);
  release();
  const place = await prepareDatabaseForCommand({ dir: data, databaseUrl: undefined }, 1);
  expect(place).toEqual({ file: join(data, "parley.db") });
  const again = lockDataDir(data);
  expect(await prepareDatabaseForCommand({ dir: data, databaseUrl: undefined }, 1)).toEqual(place);
  again();
});

test("a command that fails lets a server in", async () => {
  const data = join(dir, "data");
  mkdirSync(data);
  writeFileSync(join(data, "parley.db"), "no database".repeat(1000));
  await expect(prepareDatabaseForCommand({ dir: data, databaseUrl: undefined }, 1)).rejects.toBeInstanceOf(
    DataDirUnusable,
  );
  lockDataDir(data)();
});

test("a command holds the folder until its database is up to date, so that no server starts meanwhile", async () => {
  const work = prepareDatabaseForCommand({ dir: dir, databaseUrl: undefined }, 1);
  expect(() => lockDataDir(dir)).toThrow(DataDirLocked);
  await work;
  lockDataDir(dir)();
});
