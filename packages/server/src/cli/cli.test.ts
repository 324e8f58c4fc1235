import { describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parleyCommand as parley } from "../../test/parley-command.ts";
import { ENV_NAMES } from "../config/env.ts";

test.each(["--help", "-h", "help"])("parley %s lists the commands", async (arg) => {
  const { code, out } = await parley([arg]);
  expect(code).toBe(0);
  for (const name of ["serve", "config", "migrate"]) expect(out).toContain(`\n  ${name} `);
});

test("parley --version", async () => {
  expect(await parley(["--version"])).toMatchObject({ code: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
});

test.each([
  [["serve", "--help"], "Usage: parley serve"],
  [["help", "config"], "Usage: parley config"],
  [["migrate", "-h"], "Usage: parley migrate"],
])("parley %j explains the command", async (args, start) => {
  expect(await parley(args)).toMatchObject({ code: 0, out: expect.stringContaining(start), err: "" });
});

test.each([
  [["frobnicate"], "There is no command frobnicate", "--help"],
  [["help", "frobnicate"], "There is no command frobnicate", "--help"],
  [["--frobnicate"], "There is no option --frobnicate", "--help"],
  [["config", "--frobnicate"], "Unknown option '--frobnicate'", "config --help"],
  [["serve", "now"], "Unexpected argument 'now'", "serve --help"],
  [["user", "add"], "parley user add needs one NAME", "user --help"],
])("parley %j is a wrong call", async (args, message, help) => {
  const { code, out, err } = await parley(args);
  expect(code).toBe(2);
  expect(out).toBe("");
  expect(err).toContain(message);
  expect(err).toEndWith(`\nTry: parley ${help}\n`);
});

test("parley without a command shows the help and fails", async () => {
  expect(await parley([])).toMatchObject({ code: 2, err: expect.stringContaining("Usage: parley") });
});

describe("parley config", () => {
  const env = { PORT: "81", METRICS_TOKEN: "0123456789abcdef" };

  test("shows every setting once, with its source, and hides secrets", async () => {
    const { code, out } = await parley(["config"], env);
    expect(code).toBe(0);
    expect<string[] | null>(out.match(/^[A-Z_]+(?=\s)/gm)).toEqual(ENV_NAMES);
    expect(out).toMatch(/^PORT +81 +environment /m);
    expect(out).toMatch(/^HOST +0\.0\.0\.0 +default /m);
    expect(out).not.toContain("0123456789abcdef");
  });

  test("does so for programs", async () => {
    const { out } = await parley(["config", "--json"], env);
    expect(JSON.parse(out)).toMatchObject({
      PORT: { value: "81", source: "environment" },
      METRICS_TOKEN: { value: "********", source: "environment" },
      HALL: { value: "members", source: "default" },
    });
  });

  test("fails with a line per problem", async () => {
    expect(await parley(["config"], { PORT: "x", HALL: "y" })).toEqual({
      code: 1,
      out: "",
      err:
        "2 settings are wrong:\n" +
        '  PORT is "x", wanted a port from 0 to 65535\n' +
        '  HALL is "y", wanted one of: members, public, off\n',
    });
  });

  test("warns of likely misspellings", async () => {
    const { code, err } = await parley(["config"], { HEARTBEAT_MSS: "1" });
    expect({ code, err }).toEqual({
      code: 0,
      err: "Warning: HEARTBEAT_MSS is not a setting; is HEARTBEAT_MS meant?\n",
    });
  });
});

test("parley serve refuses wrong settings before anything else", async () => {
  expect(await parley(["serve"], { PORT: "x" })).toMatchObject({ code: 1, err: expect.stringContaining("PORT is") });
});

test("parley migrate makes the database and may be repeated", async () => {
  const folder = await mkdtemp(join(tmpdir(), "parley-cli-"));
  try {
    const env = { DATA_DIR: join(folder, "data") };
    for (let round = 0; round < 2; round++) {
      expect(await parley(["migrate"], env)).toMatchObject({ code: 0, out: expect.stringContaining("up to date") });
    }
    expect(await Bun.file(join(env.DATA_DIR, "parley.db")).exists()).toBe(true);
  } finally {
    await rm(folder, { recursive: true });
  }
});
