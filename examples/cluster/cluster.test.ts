import { expect, test } from "bun:test";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { delay } from "../../packages/server/src/lib/interval.ts";
import { needs } from "../../packages/server/test/needs.ts";
import { commandLines } from "../../packages/server/test/private-process.ts";
import { Running } from "../running.fixture.ts";

const programs = ["initdb", "postgres", "redis-server", "haproxy"].map((name) => needs(name));
const command = [process.execPath, join(import.meta.dir, "cluster.ts")];
const SLOW_MS = 120_000;
/** PostgreSQL, which has the folder in its arguments, and Redis. */
const PROGRAMS = 2;

/** The folder that its first line names: all its programs have it in their arguments. */
const folderIn = (output: string) => /\/parley-cluster-\w+/.exec(output)?.[0] as string;

function whatIsLeft(output: string): string[] {
  const folder = folderIn(output);
  const files = readdirSync(tmpdir()).filter((name) => folder.endsWith(name));
  return [...files, ...commandLines().filter((line) => line.includes(folder))];
}

test.skipIf(programs.includes(undefined))(
  "the cluster signs a page in from another node, loses nothing when a node is killed, and leaves nothing behind",
  async () => {
    const show = new Running(command);
    const { code, errors } = await show.ended();
    expect([code, errors]).toEqual([0, ""]);
    for (const said of [
      /Node one is .*\n.*Node two is .*\n.*Node three is/,
      /The page says: scanned.*\n.*The page is signed in as ada\./,
      /Ben sends 300 messages\. After 100 of them node (one|two|three), where Ada's page is connected, is killed/,
      /Ada's page got 300 of 300 messages: each once, in order\./,
      /The history has 300: each once, in order\.\nNothing was lost\.\n$/,
    ])
      expect(show.output).toMatch(said);
    expect(whatIsLeft(show.output)).toEqual([]);
  },
  SLOW_MS,
);

test.skipIf(programs.includes(undefined))(
  "Ctrl-C ends everything that the cluster has started",
  async () => {
    const show = new Running(command);
    await show.says("1. PostgreSQL, Redis, three nodes and HAProxy start");
    const folder = folderIn(show.output);
    while (commandLines().filter((line) => line.includes(folder)).length < PROGRAMS) await delay(50);
    await show.kill("SIGINT");
    expect((await show.ended()).code).toBe(130);
    expect(whatIsLeft(show.output)).toEqual([]);
  },
  SLOW_MS,
);

test.skipIf(programs[2] === undefined)("a program that is not installed is named in one line", async () => {
  const folder = mkdtempSync(join(tmpdir(), "parley-test-"));
  const show = new Running(command, { PATH: "", TMPDIR: folder });
  const { code, errors } = await show.ended();
  expect(code).toBe(2);
  expect(errors).toMatch(
    /^Not installed: .*redis-server.*\. On Debian: apt-get install postgresql redis-server haproxy\n$/,
  );
  expect(readdirSync(folder)).toEqual([]);
  rmSync(folder, { recursive: true });
});
