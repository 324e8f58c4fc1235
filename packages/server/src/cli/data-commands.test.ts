import { afterEach, beforeEach, expect, test } from "bun:test";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { parleyCommand } from "../../test/parley-command.ts";
import { lockDataDir } from "../db/sqlite/lock.ts";

/** `parley migrate` and `parley epoch`, which work on the data folder, in this process. */
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-data-"));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const parley = (...args: string[]) => parleyCommand(args, { DATA_DIR: join(dir, "data") });

test.each<[args: string[], message: string]>([
  [["migrate", "now"], "Unexpected argument 'now'"],
  [["migrate", "--force"], "Unknown option '--force'"],
  [["epoch", "new"], "Unexpected argument 'new'"],
  [["epoch", "--new"], "Unknown option '--new'"],
  [["epoch", "--renew=now"], "'--renew' does not take an argument"],
])("parley %j is a wrong call, and makes nothing", async (args, message) => {
  const { code, out, err } = await parley(...args);
  expect([code, out]).toEqual([2, ""]);
  expect(err).toContain(message);
  expect(err).toEndWith(`Try: parley ${args[0]} --help\n`);
  expect(existsSync(join(dir, "data"))).toBe(false);
});

test("migrate says which file it brought up to date, and refuses while a server has the folder only where something is to do", async () => {
  const path = join(dir, "data", "parley.db");
  expect(await parley("migrate")).toEqual({
    code: 0,
    out: `The database is up to date: parley.db in ${dirname(path)}\n`,
    err: "",
  });
  const unlock = lockDataDir(join(dir, "data"));
  expect((await parley("migrate")).code).toBe(0);
  unlock();

  rmSync(path);
  const again = lockDataDir(join(dir, "data"));
  const refused = await parley("migrate");
  again();
  expect(refused).toMatchObject({ code: 1, out: "", err: expect.stringContaining("Another Parley server uses") });
  expect(existsSync(path)).toBe(false);
  // Its own lock is given back.
  expect((await parley("migrate")).code).toBe(0);
  lockDataDir(join(dir, "data"))();
});

test("epoch shows the epoch; --renew makes another one, and only while no server runs", async () => {
  await parley("migrate");
  const first = await parley("epoch");
  expect(first).toEqual({ code: 0, out: expect.stringMatching(/^[0-9a-f]{16}\n$/), err: "" });
  // Showing it needs no lock, and changes nothing.
  const unlock = lockDataDir(join(dir, "data"));
  expect(await parley("epoch")).toEqual(first);
  expect(await parley("epoch", "--renew")).toEqual({
    code: 1,
    out: "",
    err: `A Parley server uses the data folder ${join(dir, "data")}. Stop it first.\n`,
  });
  expect(await parley("epoch")).toEqual(first);
  unlock();

  const renewed = await parley("epoch", "--renew");
  expect(renewed).toEqual({ code: 0, out: expect.stringMatching(/^[0-9a-f]{16}\n$/), err: "" });
  expect(renewed.out).not.toBe(first.out);
  expect(await parley("epoch")).toEqual(renewed);
  // The lock is given back.
  lockDataDir(join(dir, "data"))();
});

test("epoch --renew makes no database", async () => {
  expect(await parley("epoch", "--renew")).toMatchObject({ code: 1, err: expect.stringContaining("no database in") });
  expect(existsSync(join(dir, "data"))).toBe(false);
});
