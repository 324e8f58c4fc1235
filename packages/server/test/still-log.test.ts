import { expect, test } from "bun:test";
import { closeSync, constants, mkdtempSync, openSync, readSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "./free-port.ts";

const MAIN = new URL("../src/main.ts", import.meta.url).pathname;

test("HTTP-42: a server whose log nobody reads serves, says later what it left out, and stops", async () => {
  const dir = mkdtempSync(join(tmpdir(), "parley-still-log-"));
  const path = join(dir, "log");
  Bun.spawnSync(["mkfifo", path]);
  const log = openSync(path, constants.O_RDWR);
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const port = freePort();
  const env = { PATH: process.env.PATH ?? "", HOST: "127.0.0.1", PORT: `${port}`, DATA_DIR: join(dir, "data") };
  const server = Bun.spawn([process.execPath, MAIN, "serve"], {
    env: { ...env, RATE_LIMITS: "off", LOG_LEVEL: "info" },
    stdin: "ignore",
    stdout: log,
    stderr: "inherit",
  });
  try {
    const url = `http://127.0.0.1:${port}`;
    await until(async () => (await fetch(`${url}/readyz`).catch(() => undefined))?.ok === true);
    const statuses = new Set<number>();
    // Some 400 bytes a line: 64 KiB lie in the pipe, and 1 MiB waits behind it.
    let address = 0;
    const ask = async () => {
      // Each from an address of its own, since lines of refusals have a rate by address.
      const headers = { "X-Forwarded-For": `10.1.${(address / 250) | 0}.${address++ % 250}` };
      const reply = await fetch(`${url}/api/v1/${"a".repeat(300)}`, { headers, signal: AbortSignal.timeout(5000) });
      statuses.add(reply.status);
      await reply.text();
    };
    for (let round = 0; round < 80; round++) await Promise.all(Array.from({ length: 50 }, ask));
    expect([...statuses]).toEqual([404]);
    const chunk = Buffer.alloc(1 << 20);
    let text = "";
    await until(() => {
      try {
        text += chunk.toString("utf8", 0, readSync(reader, chunk));
      } catch {
        // Nothing lies in the pipe now.
      }
      return text.includes("log lines were left out");
    });
    expect(text.match(/"leftOut":([1-9]\d*)/)).not.toBeNull();
    server.kill("SIGTERM");
    expect(await server.exited).toBe(0);
  } finally {
    server.kill("SIGKILL");
    await server.exited;
    closeSync(reader);
    closeSync(log);
    rmSync(dir, { recursive: true });
  }
}, 60_000);

async function until(is: () => boolean | Promise<boolean>): Promise<void> {
  const deadline = performance.now() + 20_000;
  while (!(await is())) {
    if (performance.now() > deadline) throw new Error("it did not come about in time");
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
