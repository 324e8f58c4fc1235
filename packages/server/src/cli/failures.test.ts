import { Database } from "bun:sqlite";
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { lockDataDir } from "../db/sqlite/lock.ts";

/** Failures that people see, each through the real command in its own process: a sentence, exit code 1, no stack. */
const MAIN = new URL("../main.ts", import.meta.url).pathname;
const dir = mkdtempSync(join(tmpdir(), "parley-failures-"));
const taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
afterAll(async () => {
  await taken.stop(true);
  rmSync(dir, { recursive: true });
});

async function parley(args: readonly string[], env: Record<string, string>) {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: { HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "error", DATA_DIR: join(dir, "data"), ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const noDatabase = join(dir, "none");
/** Makes `parley.db` in a new folder by these statements. @returns its bytes */
function made(name: string, ...statements: string[]): Buffer {
  mkdirSync(join(dir, name));
  const path = join(dir, name, "parley.db");
  const file = new Database(path);
  for (const statement of statements) file.run(statement);
  file.close();
  return readFileSync(path);
}

beforeAll(() => {
  const write = (name: string, bytes: Buffer | string) => writeFileSync(join(dir, name, "parley.db"), bytes);
  mkdirSync(join(dir, "other-file"));
  write("other-file", "this is a letter, not a database; ".repeat(100));
  made("foreign", "create table users (id integer primary key, name text)");
  made("with-migrations", "create table migrations (name text)", "insert into migrations values ('2020-users')");
  const ours = ["create table meta (key text, value text)", "create table migrations (name text, applied_at bigint)"];
  write("damaged", made("damaged", ...ours).fill(0x5a, 100));
  // The number of the format in which the tables are described, in the header of the file.
  write("unreadable", made("unreadable", ...ours).fill(0x5a, 44, 48));
  made("newer", ...ours, "insert into migrations values ('0001-foundation', 1), ('9999-later', 1)");
  mkdirSync(join(dir, "no-file", "parley.db"), { recursive: true });
});

const FILE = import.meta.path;

async function refusal(command: string, folder: string): Promise<string> {
  const { code, err } = await parley(command.split(" "), { DATA_DIR: folder });
  expect(code).toBe(1);
  expect(err.trim().split("\n")).toHaveLength(1);
  return err;
}

describe.each(["serve", "migrate"])("parley %s", (command) => {
  test.each<[DATA_DIR: string, sentence: string]>([
    [FILE, `DATA_DIR is ${JSON.stringify(FILE)}, wanted a folder; this is a file (EEXIST)\n`],
    [`${FILE}/data`, `DATA_DIR is ${JSON.stringify(`${FILE}/data`)}, wanted a folder; this is in a file (ENOTDIR)\n`],
    ["/proc/foo", 'DATA_DIR is "/proc/foo", wanted a folder that can be made (ENOENT)\n'],
    ["/proc/self", 'DATA_DIR is "/proc/self", wanted a folder'],
  ])(
    "DATA_DIR=%s",
    async (folder, sentence) => {
      expect(await refusal(command, folder)).toContain(sentence);
    },
    20_000,
  );
});

describe.each(["serve", "migrate", "user list", "epoch"])("parley %s", (command) => {
  test.each<[what: string, sentence: string]>([
    ["other-file", "is not a database; DATA_DIR says where to look (SQLite: file is not a database).\n"],
    ["foreign", "parley.db was made by another program; DATA_DIR says where to look.\n"],
    ["with-migrations", "parley.db was made by another program; DATA_DIR says where to look.\n"],
    ["damaged", "is damaged; restore a backup (SQLite: database disk image is malformed).\n"],
    ["unreadable", "is not a database that this version can read (SQLite: unsupported file format).\n"],
    ["no-file", "cannot be opened; it has to be a file that this user may read and write (SQLite: "],
  ])(
    "where parley.db is of the kind %s",
    async (what, sentence) => {
      const folder = join(dir, what);
      const file = join(folder, "parley.db");
      const found = what === "no-file" ? "" : readFileSync(file).toString("hex");
      const said = await refusal(command, folder);
      expect(said).toContain(sentence);
      expect(said).toStartWith(sentence.startsWith("parley.db") ? sentence : `parley.db in ${folder} `);
      if (found !== "") expect(readFileSync(file).toString("hex")).toBe(found);
    },
    20_000,
  );
});

test.each(["serve", "migrate", "user list"])(
  "parley %s refuses the database of a newer version",
  async (command) => {
    expect(await refusal(command, join(dir, "newer"))).toBe(
      "This database was written by a newer version of Parley (it has migration 9999-later). Start that version, or restore a backup.\n",
    );
  },
  20_000,
);

test.each<[env: Record<string, string>, sentence: string]>([
  [{ HOST: "1.2.3.4" }, 'HOST is "1.2.3.4", wanted an address of this machine; 0.0.0.0 stands for all of them.\n'],
  [{ HOST: "nowhere.invalid" }, 'HOST is "nowhere.invalid", wanted an address of this machine'],
  [{ PORT: `${taken.port}` }, `Port ${taken.port} is in use. Stop what uses it, or set PORT to another.\n`],
  [{ WS_PORT: `${taken.port}` }, `Port ${taken.port} is in use. Stop what uses it, or set WS_PORT to another.\n`],
  [{ TLS_CERT: FILE, TLS_KEY: FILE }, `TLS_CERT is ${JSON.stringify(FILE)}, wanted a certificate in PEM form\n`],
])(
  "parley serve with %j",
  async (env, sentence) => {
    const { code, err } = await parley(["serve"], env);
    expect({ code, err }).toEqual({ code: 1, err: expect.stringContaining(sentence) });
    expect(err).not.toContain("    at ");
  },
  20_000,
);

test.each([
  [["user", "list"]],
  [["user", "add", "ada"]],
  [["user", "set", "ada", "--admin"]],
  [["user", "disable", "ada"]],
  [["epoch"]],
])(
  "parley %j makes no database",
  async (args) => {
    expect(await parley(args, { DATA_DIR: noDatabase })).toEqual({
      code: 1,
      out: "",
      err: `There is no database in ${noDatabase}. Start the server there once, or run parley migrate; DATA_DIR says where.\n`,
    });
    expect(existsSync(noDatabase)).toBe(false);
  },
  20_000,
);

test("parley user list takes no name", async () => {
  expect(await parley(["user", "list", "ada"], {})).toMatchObject({
    code: 2,
    err: expect.stringContaining("parley user list takes no NAME, but got ada"),
  });
}, 20_000);

test.each(["migrate", "user list", "user add ada", "user delete ada"])(
  "parley %s does not change the form of a database that a server is using",
  async (call) => {
    const args = call.split(" ");
    const used = join(dir, `used-${args.join("-")}`);
    expect((await parley(["migrate"], { DATA_DIR: used })).code).toBe(0);
    const newest = () => {
      const file = new Database(join(used, "parley.db"), { readonly: true });
      const names = file.query("select name from migrations order by name").values().flat();
      file.close();
      return names.at(-1);
    };
    // As a server of an older version leaves it.
    const file = new Database(join(used, "parley.db"));
    const { name } = file.query("select max(name) as name from migrations").get() as { name: string };
    file.run("delete from migrations where name = ?", [name]);
    file.close();
    const unlock = lockDataDir(used);
    const refused = await parley(args, { DATA_DIR: used });
    unlock();
    expect(refused).toMatchObject({
      code: 1,
      err: expect.stringContaining("Another Parley server uses the data folder"),
    });
    expect(newest()).not.toBe(name);
  },
  60_000,
);

test("database files are their owner's alone, in a folder that others may look into too", async () => {
  const open = join(dir, "open");
  mkdirSync(open);
  chmodSync(open, 0o755);
  expect((await parley(["migrate"], { DATA_DIR: open })).code).toBe(0);
  chmodSync(join(open, "parley.db"), 0o644);
  expect((await parley(["user", "add", "ada"], { DATA_DIR: open })).code).toBe(0);
  expect(await parley(["serve"], { DATA_DIR: open, PORT: `${taken.port}` })).toMatchObject({ code: 1 });
  const rights = readdirSync(open).map((name) => [name, (statSync(join(open, name)).mode & 0o777).toString(8)]);
  expect(Object.fromEntries(rights)).toMatchObject({ "parley.db": "600", "parley.lock": "600" });
  expect(rights.filter(([, mode]) => mode !== "600")).toEqual([]);
}, 60_000);
