import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { needs } from "./needs.ts";
import { commandLines } from "./private-process.ts";
import { hasRedis, type RedisOptions, RedisServer, sharedRedis } from "./redis-server.ts";
import { selfSigned } from "./self-signed.ts";

/** Under a load a start takes seconds. */
const LIMIT_MS = 30_000;
const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasRedis)(title, run, LIMIT_MS);

const openssl = needs("openssl");

async function ping(url: string, ca?: string): Promise<string> {
  const options = { reconnectStrategy: false } as const;
  const client = createClient({ url, socket: ca ? { ...options, tls: true, ca } : options });
  client.on("error", () => {});
  await client.connect();
  try {
    return await client.ping();
  } finally {
    await client.close();
  }
}

on("it answers, and after a kill it answers again on the same port", async () => {
  const server = await RedisServer.start();
  expect(await ping(server.url())).toBe("PONG");
  await server.kill();
  await expect(ping(server.url())).rejects.toThrow();
  await server.startAgain();
  expect(await ping(server.url())).toBe("PONG");
});

test.skipIf(!hasRedis)(
  "a password is needed where there is one, and the list of processes does not show it",
  async () => {
    const password = "shown to nobody";
    const server = await RedisServer.start({ password });
    expect(await ping(server.url())).toBe("PONG");
    await expect(ping(`redis://127.0.0.1:${server.port}`)).rejects.toThrow("NOAUTH");
    const programs = commandLines().join("\n");
    expect([programs.includes("redis-server"), programs.includes("shown to")]).toEqual([true, false]);
  },
  LIMIT_MS,
);

test.skipIf(!hasRedis || !openssl)(
  "with a certificate it speaks TLS and nothing else",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
    const tls = selfSigned(openssl as string, dir);
    const options: RedisOptions = { tls };
    const server = await RedisServer.start(options);
    expect(await ping(server.url(), await Bun.file(tls.cert).text())).toBe("PONG");
    await expect(ping(`redis://127.0.0.1:${server.port}`)).rejects.toThrow();
    rmSync(dir, { recursive: true });
  },
  LIMIT_MS,
);

for (const time of [1, 2]) {
  on(`tests share one instance: ${time}`, async () => {
    expect(await ping((await sharedRedis()).url())).toBe("PONG");
  });
}
