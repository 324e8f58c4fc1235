/** A data folder from which everything was moved to PostgreSQL: nothing uses its database by mistake, each through the real command in its own process. */
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import {
  copyFileSync,
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
import { parleyCommand } from "../../test/parley-command.ts";
import { markMoved } from "../db/sqlite/moved-mark.ts";

const MAIN = new URL("../main.ts", import.meta.url).pathname;
const TO = "PostgreSQL at db.example.com:5432, database parley";

const dir = mkdtempSync(join(tmpdir(), "parley-moved-"));
const [data, backup] = [join(dir, "data"), join(dir, "backup.db")];
const mark = join(data, "parley.moved");
const sentence = (to = TO) =>
  `The data in ${data} was moved to ${to}: set DATABASE_URL to that address, or remove ${mark} to go on with the old data.\n`;

beforeAll(async () => {
  for (const args of [["migrate"], ["backup", backup]])
    expect(await parleyCommand(args, { DATA_DIR: data })).toMatchObject({ code: 0, err: "" });
  markMoved(data, TO);
}, 30_000);
afterAll(() => rmSync(dir, { recursive: true, force: true }));

async function parley(args: readonly string[], env: Record<string, string> = {}) {
  const child = Bun.spawn([process.execPath, MAIN, ...args], {
    env: { HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "error", DATA_DIR: data, ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

const bytes = () => Bun.hash(readFileSync(join(data, "parley.db")));

describe("a folder whose data was moved", () => {
  test.each<readonly [args: string[], env: Record<string, string>]>([
    [["serve"], {}],
    // As `DATABASE_URL=${UNSET}` of a compose file gives it.
    [["serve"], { DATABASE_URL: "" }],
    [["serve"], { DATABASE_URL: " " }],
    ...(process.platform === "linux"
      ? [[["serve"], { PROCESSES: "2" }] satisfies [string[], Record<string, string>]]
      : []),
    [["migrate"], {}],
    [["user", "add", "lost"], {}],
    [["user", "list"], {}],
    [["key", "add", "lost"], {}],
    [["key", "list"], {}],
    [["epoch"], {}],
    [["epoch", "--renew"], {}],
    [["backup", join(dir, "later.db")], {}],
    [["restore", backup], {}],
  ])(
    "MOVE-6: parley %j with %j is refused in one sentence, and changes nothing",
    async (args, env) => {
      const before = bytes();
      expect(await parley(args, env)).toEqual({ code: 1, out: "", err: sentence() });
      expect(bytes()).toBe(before);
      expect(readdirSync(dir).toSorted()).toEqual(["backup.db", "data"]);
    },
    30_000,
  );

  test("MOVE-6: no other database is made or restored beside the mark", async () => {
    const elsewhere = join(dir, "parley.db");
    copyFileSync(join(data, "parley.db"), elsewhere);
    rmSync(join(data, "parley.db"));
    for (const args of [["migrate"], ["user", "list"], ["restore", backup]])
      expect(await parleyCommand(args, { DATA_DIR: data })).toEqual({ code: 1, out: "", err: sentence() });
    expect(readdirSync(data).filter((name) => name.startsWith("parley.db"))).toEqual([]);
    copyFileSync(elsewhere, join(data, "parley.db"));
    rmSync(elsewhere);
  });

  test("MOVE-6: whatever is in the mark, it counts; without it the old data is used again", async () => {
    for (const [text, to] of [
      ["", "PostgreSQL"],
      ["elsewhere\nand more\n", "elsewhere"],
      ["x".repeat(1000), "x".repeat(300)],
    ] as const) {
      writeFileSync(mark, text);
      expect(await parleyCommand(["epoch"], { DATA_DIR: data })).toEqual({ code: 1, out: "", err: sentence(to) });
    }
    rmSync(mark);
    mkdirSync(mark);
    expect(await parleyCommand(["epoch"], { DATA_DIR: data })).toEqual({
      code: 1,
      out: "",
      err: sentence("PostgreSQL"),
    });
    rmSync(mark, { recursive: true });
    expect(await parleyCommand(["epoch"], { DATA_DIR: data })).toMatchObject({ code: 0, err: "" });
    markMoved(data, TO);
  });

  test("MOVE-6: only its owner reads the mark, and a move that fails after all leaves the earlier one as it was", () => {
    expect((statSync(mark).mode & 0o777).toString(8)).toBe("600");
    const unmark = markMoved(data, "PostgreSQL at elsewhere, database other");
    expect(readFileSync(mark, "utf8")).toBe("PostgreSQL at elsewhere, database other\n");
    unmark();
    expect(readFileSync(mark, "utf8")).toBe(`${TO}\n`);
    expect(readdirSync(data).filter((name) => name.startsWith("parley.moved"))).toEqual(["parley.moved"]);
  });
});
