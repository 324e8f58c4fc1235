import { afterAll, expect, test } from "bun:test";
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { PASSWORD } from "./harness.ts";
import { needs } from "./needs.ts";
import { ServerProcess } from "./server-process.ts";
import { onPostgres } from "./test-database.ts";

/** What somebody sees who starts a server for the first time, each in a separate process. */
const MAIN = new URL("../src/main.ts", import.meta.url).pathname;
const CHECKOUT = resolve(import.meta.dir, "../../..");
const dir = mkdtempSync(join(tmpdir(), "parley-first-"));
const taken = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
afterAll(async () => {
  await taken.stop(true);
  rmSync(dir, { recursive: true });
});

async function parley(args: readonly string[], { cwd = dir, shell = 'exec "$@"', ...env }: Record<string, string>) {
  const child = Bun.spawn(["sh", "-c", shell, "sh", process.execPath, MAIN, ...args], {
    cwd,
    env: { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: "0", ...env },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
    timeout: 20_000,
  });
  const [out, err] = await Promise.all([new Response(child.stdout).text(), new Response(child.stderr).text()]);
  return { code: await child.exited, out, err };
}

/** What a server says when it is ready: where its data is, without the user and the password of PostgreSQL. */
function readyLine({ dir: home, commandEnv }: ServerProcess): RegExp {
  const url = URL.parse(commandEnv.DATABASE_URL ?? "");
  const place = url ? `PostgreSQL at ${url.host}, database ${url.pathname.slice(1)}` : join(home, "data");
  return new RegExp(`^Parley is ready: http://127\\.0\\.0\\.1:\\d+ \\(data in ${RegExp.escape(place)}\\)$`);
}

/** Everything that a server printed, which has to be JSON, line by line. */
async function printed(server: ServerProcess): Promise<{ level: string; msg: string }[]> {
  await server.stop();
  return (server.before + server.output)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line));
}

test("OBS-2, OBS-3: every line is JSON whatever LOG_LEVEL is, and the first start says how to make an administrator", async () => {
  for (const LOG_LEVEL of ["info", "silent"]) {
    const server = new ServerProcess({ LOG_LEVEL });
    const data = join(server.dir, "data");
    const where = onPostgres ? ", with the same DATABASE_URL:" : `: DATA_DIR=${data}`;
    const hint = `Nobody has an account here yet. To make an administrator${where} npx parley user add NAME --admin`;
    await server.start();
    const ready = { level: "info", msg: expect.stringMatching(readyLine(server)) };
    const first = await printed(server);
    expect(first.filter(({ msg }) => /is ready|Nobody/.test(msg))).toMatchObject([ready, { level: "info", msg: hint }]);

    const { code } = await parley(["user", "add", "root", "--admin"], server.commandEnv);
    expect(code).toBe(0);
    await server.start();
    const second = await printed(server);
    expect(second.map(({ msg }) => msg).join()).not.toContain("Nobody has an account");
    await server.remove();
  }
}, 60_000);

test("OBS-3: accounts that people made themselves are accounts", async () => {
  const server = new ServerProcess();
  await server.start();
  const body = JSON.stringify({ name: "ada", password: PASSWORD });
  const headers = { "Content-Type": "application/json" };
  expect((await fetch(`${server.url}/api/v1/accounts`, { method: "POST", headers, body })).status).toBe(201);
  expect(await printed(server)).not.toEqual([]);
  await server.start();
  expect((await printed(server)).map(({ msg }) => msg).join()).not.toContain("Nobody has an account");
  await server.remove();
}, 30_000);

const script = needs("script");
test.skipIf(!script)(
  "OBS-2: in a terminal the first lines are words",
  async () => {
    const data = join(dir, "terminal");
    const serve = `HOST=127.0.0.1 PORT=0 DATA_DIR=${data} ${process.execPath} ${MAIN} serve`;
    const child = Bun.spawn([script as string, "-qec", serve, "/dev/null"], { stdin: "ignore", stdout: "pipe" });
    const reader = child.stdout.getReader();
    let text = "";
    while (!text.includes("--admin")) {
      const { done, value } = await reader.read();
      if (done) break;
      text += new TextDecoder().decode(value);
    }
    child.kill("SIGKILL");
    await child.exited;
    expect(text).toMatch(/^Parley is ready: http:\/\/127\.0\.0\.1:\d+ \(data in \S+\)\r?$/m);
    expect(text).toMatch(/^Nobody has an account here yet\. To make an administrator: /m);
  },
  30_000,
);

test.each(["PORT", "WS_PORT"])(
  "OBS-4: a start that cannot have its %s makes no database",
  async (variable) => {
    const data = join(dir, `no-${variable}`);
    const { code, err } = await parley(["serve"], { DATA_DIR: data, [variable]: `${taken.port}` });
    expect([code, err]).toEqual([
      1,
      `Port ${taken.port} is in use. Stop what uses it, or set ${variable} to another.\n`,
    ]);
    expect(readdirSync(data)).toEqual(["parley.lock"]);
  },
  30_000,
);

test("OBS-4: a start that cannot write a whole database leaves none, and one that is there is left as it is", async () => {
  // Files that this process writes may have 64 KiB.
  const shell = "trap '' XFSZ; ulimit -f 128; exec \"$@\"";
  const data = join(dir, "no-room");
  const { code, err } = await parley(["serve"], { DATA_DIR: data, shell });
  expect(code).toBe(1);
  expect(err).toContain("parley.db in ");
  expect(readdirSync(data)).toEqual(["parley.lock"]);
  writeFileSync(join(data, "parley.db"), "a letter, no database ".repeat(100));
  expect((await parley(["serve"], { DATA_DIR: data })).code).toBe(1);
  expect(readdirSync(data)).toEqual(["parley.db", "parley.lock"]);
}, 30_000);

test("OBS-5: without DATA_DIR the folder is that of the checkout, wherever one stands", async () => {
  const { out } = await parley(["config", "--json"], { cwd: dir });
  expect(JSON.parse(out).DATA_DIR).toEqual({ value: join(CHECKOUT, "data"), source: "default" });
  // A given path is read as every command reads a path.
  const given = await parley(["migrate"], { cwd: dir, DATA_DIR: "own" });
  expect([given.code, existsSync(join(dir, "own", "parley.db"))]).toEqual([0, true]);
}, 30_000);

test("OBS-6: a setting that looks misspelt is named in the log", async () => {
  const server = new ServerProcess({ LOG_LEVEL: "warn", PARLEY_PORT: "9000", port: "9000" });
  await server.start();
  const lines = await printed(server);
  for (const name of ["PARLEY_PORT", "port"])
    expect(lines).toContainEqual(
      expect.objectContaining({ level: "warn", msg: `${name} is not a setting; is PORT meant?` }),
    );
  await server.remove();
}, 30_000);
