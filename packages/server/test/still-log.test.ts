import { afterEach, beforeEach, expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STOP_CAP_MS } from "../src/cli/serve.ts";
import { withDeadline } from "../src/lib/interval.ts";
import { lastingPort } from "./free-port.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

let dir: string;
let url: string;
/** The pipe that the server logs into, and its other end, from which a test may read. */
let log: number;
let reader: number;
let server: Bun.Subprocess<"ignore", number, "inherit">;
beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), "parley-still-log-"));
  const path = join(dir, "log");
  Bun.spawnSync(["mkfifo", path]);
  log = openSync(path, constants.O_RDWR);
  reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const port = lastingPort();
  url = `http://127.0.0.1:${port}`;
  const env = { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: `${port}`, DATA_DIR: join(dir, "data") };
  const stdout = openSync(path, constants.O_WRONLY);
  server = Bun.spawn([process.execPath, MAIN, "serve"], {
    env: { ...env, RATE_LIMITS: "off", LOG_LEVEL: "info" },
    stdin: "ignore",
    stdout,
    stderr: "inherit",
  });
  closeSync(stdout);
  await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true);
}, 30_000);
afterEach(async () => {
  server.kill("SIGKILL");
  await server.exited;
  for (const fd of [reader, log]) closeSync(fd);
  rmSync(dir, { recursive: true });
});

/** A server that waits for the reader of its log never answers. */
const ANSWER_MS = 20_000;

let address = 0;
/** Makes this many lines of some 400 bytes, each from a different address, since lines of refusals are limited by address. @returns the statuses */
async function lines(count: number): Promise<Set<number>> {
  const statuses = new Set<number>();
  const ask = async () => {
    const headers = { "X-Forwarded-For": `10.1.${(address / 250) | 0}.${address++ % 250}` };
    const reply = await fetch(`${url}/api/v1/${"a".repeat(300)}`, { headers, signal: AbortSignal.timeout(ANSWER_MS) });
    statuses.add(reply.status);
    await reply.text();
  };
  for (let left = count; left > 0; left -= 50) await Promise.all(Array.from({ length: Math.min(50, left) }, ask));
  return statuses;
}

/** Checks that a request is answered, and that the process ends before its stop would be cut. */
async function servesAndStops(): Promise<void> {
  expect((await fetch(`${url}/healthz`, { signal: AbortSignal.timeout(ANSWER_MS) })).status).toBe(200);
  server.kill("SIGTERM");
  expect(await withDeadline(server.exited, STOP_CAP_MS - 5000, "it did not stop")).toBe(0);
}

test("HTTP-42: after 500 lines that nobody reads the server answers, and SIGTERM stops it with code 0", async () => {
  expect([...(await lines(500))]).toEqual([404]);
  await servesAndStops();
}, 90_000);

test("HTTP-42: so it is after as many lines as are kept, and more", async () => {
  expect([...(await lines(4000))]).toEqual([404]);
  await servesAndStops();
}, 90_000);

test("HTTP-42: a server whose reader has gone serves and stops", async () => {
  // From here on, nobody has the other end open.
  for (const fd of [reader, log]) closeSync(fd);
  expect([...(await lines(500))]).toEqual([404]);
  await servesAndStops();
  log = openSync("/dev/null", "r");
  reader = openSync("/dev/null", "r");
}, 90_000);

test("HTTP-42: a server whose log nobody reads says later what it left out, and stops", async () => {
  expect([...(await lines(4000))]).toEqual([404]);
  const chunk = Buffer.alloc(1 << 20);
  let text = "";
  await until(() => {
    try {
      text += chunk.toString("utf8", 0, readSync(reader, chunk));
    } catch {
      // The pipe is empty now.
    }
    return text.includes("log lines were left out");
  });
  expect(text.match(/"leftOut":([1-9]\d*)/)).not.toBeNull();
  await servesAndStops();
}, 90_000);

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error("it did not come about in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
