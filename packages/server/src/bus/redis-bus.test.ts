import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { Line } from "../../test/line.ts";
import { needs } from "../../test/needs.ts";
import { hasRedis, RedisServer, sharedRedis } from "../../test/redis-server.ts";
import { selfSigned } from "../../test/self-signed.ts";
import { until } from "../../test/webhook-receiver.ts";
import { delay } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { batch, Ear, live, working } from "./bus.contract.ts";
import { newNodeId } from "./bus.ts";
import { openRedisBus } from "./redis-bus.ts";

/** These wait for real services, on machines that may be slow. */
const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasRedis)(title, run, 60_000);
const openssl = needs("openssl");

class Log {
  readonly lines: string[] = [];
  readonly logger = createLogger({ level: "trace", sink: { write: (line) => void this.lines.push(line) } });
}

function ear(url: string, { installation = "one", log = new Log() } = {}): Ear {
  return new Ear({ open: (node) => openRedisBus({ node, url, installation, logger: log.logger }) });
}

async function raw(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

on("BUS-7 two installations share one Redis and hear nothing of each other", async () => {
  const url = (await sharedRedis()).url();
  const [a, b] = [ear(url, { installation: newNodeId() }), ear(url, { installation: newNodeId() })];
  await working(a, b);
  a.bus.publish(live("here"));
  a.bus.publish(batch(1, 2));
  await a.bus.close();
  await delay(100);
  expect(b.heard).toEqual([]);
  await b.bus.close();
});

on("BUS-6 bytes that are not a message of ours change nothing", async () => {
  const url = (await sharedRedis()).url();
  const installation = newNodeId();
  const [a, b] = [ear(url, { installation }), ear(url, { installation })];
  await working(a, b);
  const client = await raw(url);
  const forged = [`${a.node} 999999 `, `${a.node} 1 {}`, `${b.node} 0 {}`, "0123456789abcdef 1 {", "", " ", "\u0000"];
  const bytes = [
    Buffer.from([0xff, 0xfe, 0, 0xc3]),
    Buffer.alloc(3_000_000, "x"),
    Buffer.from("0123456789abcdef 1 \xff"),
  ];
  for (const channel of ["log", "live"]) {
    for (const text of [...forged.map((text) => Buffer.from(text)), ...bytes]) {
      await client.publish(`parley:${installation}:${channel}`, text);
    }
  }
  const large = `0123456789abcdef 1 ${JSON.stringify("x".repeat(3_000_000))}`;
  for (let n = 0; n < 20; n++) await client.publish(`parley:${installation}:live`, large);
  await a.flushTo(b);
  expect(a.heard.filter(({ from }) => from !== b.node)).toEqual([]);
  expect([a.bus.works, b.bus.works, a.restored, b.restored]).toEqual([true, true, 1, 1]);
  client.destroy();
  await Promise.all([a.bus.close(), b.bus.close()]);
});

on("BUS-5 a reader that Redis cuts because it is too slow is told, and hears again", async () => {
  const server = await RedisServer.start({ lines: ["client-output-buffer-limit pubsub 1mb 1mb 1"] });
  const line = new Line(server.port);
  const [a, b, slow] = [ear(server.url()), ear(server.url()), ear(server.url(line.port))];
  await working(a, b, slow);
  line.stall();
  const text = "x".repeat(100_000);
  for (let n = 0; n < 300; n++) {
    // For the others never as much is on its way as Redis cuts somebody for.
    while (n >= b.live.length + 5) await delay(1);
    a.bus.publish(live({ n, text }));
  }
  await until("its bus does not work", () => !slow.bus.works);
  expect([a.bus.works, a.restored, b.restored]).toEqual([true, 1, 1]);
  line.heal();
  await working(slow);
  expect(slow.restored).toBe(2);
  await a.flushTo(b, slow);
  await Promise.all([a, b, slow].map(({ bus }) => bus.close()));
});

on("BUS-5 when its connections are ended by an administrator, everybody is told and hears again", async () => {
  const server = await RedisServer.start();
  const [a, b] = [ear(server.url()), ear(server.url())];
  await working(a, b);
  const client = await raw(server.url());
  for (const type of ["pubsub", "normal"]) {
    const times = a.restored + 1;
    await client.sendCommand(["CLIENT", "KILL", "TYPE", type]);
    await until("everybody is told", () => a.restored === times && b.restored === times);
    await Promise.all([a.flushTo(b), b.flushTo(a)]);
  }
  client.destroy();
  await Promise.all([a.bus.close(), b.bus.close()]);
});

on("BUS-8 a replica is refused", async () => {
  const primary = await RedisServer.start();
  const replica = await RedisServer.start({ lines: [`replicaof 127.0.0.1 ${primary.port}`] });
  const log = new Log();
  const a = ear(replica.url(), { log });
  await until("it is refused", () => log.lines.some((line) => line.includes("this server is a replica")));
  expect(a.bus.works).toBe(false);
  await a.bus.close();
});

on("BUS-11 each node says something now and then, by which others know that it is heard", async () => {
  const url = (await sharedRedis()).url();
  const installation = newNodeId();
  const [a, b] = [ear(url, { installation }), ear(url, { installation })];
  await working(a, b);
  const newestOf = (node: string) => (a.bus as ReturnType<typeof openRedisBus>).newestOf(node);
  await until("it is heard", () => newestOf(b.node) !== undefined);
  const before = newestOf(b.node) ?? 0;
  await until("it is heard twice more", () => (newestOf(b.node) ?? 0) >= before + 2);
  expect([newestOf(a.node), newestOf(newNodeId())]).toEqual([undefined, undefined]);
  await Promise.all([a.bus.close(), b.bus.close()]);
});

on("BUS-10 no log line, no reported problem and no refusal holds the password", async () => {
  const server = await RedisServer.start({ password: "the real one" });
  const log = new Log();
  const secret = "very-secret-word";
  const urls = [
    `redis://:${secret}@127.0.0.1:${server.port}`,
    `redis://name:${secret}@127.0.0.1:1`,
    `redis://:${secret}@host.invalid`,
    `rediss://:${secret}@127.0.0.1:${server.port}`,
  ];
  const ears = urls.map((url) => ear(url, { log }));
  await until("each has a problem", () => log.lines.length >= urls.length);
  const problems = ears.map(({ bus }) => (bus as ReturnType<typeof openRedisBus>).problem);
  expect(problems[0]).toBe(`Redis at 127.0.0.1:${server.port} refuses the password in REDIS_URL`);
  const refusals = [`http://:${secret}@127.0.0.1`, `redis://:${secret}@[::`, secret].map((url) => {
    try {
      ear(url, { log });
      return "not refused";
    } catch (error) {
      return Bun.inspect(error);
    }
  });
  for (const refusal of refusals) expect(refusal).toContain("the address of Redis must look like");
  expect(`${log.lines.join("")}${problems.join("")}${refusals.join("")}`).not.toContain(secret);
  await Promise.all(ears.map(({ bus }) => bus.close()));
});

on("BUS-10 a password that is missing or wrong is said in words, with the address", async () => {
  const strict = await RedisServer.start({ password: "the real one" });
  const there = `Redis at 127.0.0.1:${strict.port}`;
  for (const [url, problem] of [
    [`redis://127.0.0.1:${strict.port}`, `${there} asks for a password, and REDIS_URL has none`],
    [`redis://:wrong@127.0.0.1:${strict.port}`, `${there} refuses the password in REDIS_URL`],
    [`redis://ann:wrong@127.0.0.1:${strict.port}`, `${there} refuses the name or the password in REDIS_URL`],
  ] as const) {
    const log = new Log();
    const { bus } = ear(url, { log });
    await until("it is said", () => log.lines.length > 0);
    // Each further try fails in the same way, and nothing is said of it.
    await delay(1000);
    expect(log.lines.map((line) => JSON.parse(line).problem)).toEqual([problem]);
    await bus.close();
  }
});

on("BUS-10 a password is used as the address has it, escaped", async () => {
  const server = await RedisServer.start({ password: "p@ss:w/rd %" });
  const [a, b] = [ear(server.url()), ear(server.url())];
  await working(a, b);
  await a.flushTo(b);
  await Promise.all([a.bus.close(), b.bus.close()]);
});

test.skipIf(!hasRedis || !openssl)(
  "BUS-10 with rediss:// it speaks TLS, to a server with a certificate that it trusts",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
    const tls = selfSigned(openssl as string, dir);
    const server = await RedisServer.start({ tls, password: "secret" });
    const log = new Log();
    const untrusting = ear(server.url(), { log });
    await until("it is refused", () => log.lines.some((line) => /certificate/i.test(line)));
    expect(untrusting.bus.works).toBe(false);
    await untrusting.bus.close();
    // What operators set for a private authority, and it counts only from the start of a process.
    const trusting = Bun.spawn([process.execPath, "-e", TRUSTING], {
      env: { ...process.env, NODE_EXTRA_CA_CERTS: tls.cert, URL_OF_REDIS: server.url() },
      cwd: import.meta.dir,
      stdout: "pipe",
      stderr: "inherit",
    });
    expect(await new Response(trusting.stdout).text()).toBe("hello\n");
    rmSync(dir, { recursive: true });
  },
  60_000,
);

const TRUSTING = `
  import { newNodeId } from "${import.meta.dir}/bus.ts";
  import { openRedisBus } from "${import.meta.dir}/redis-bus.ts";
  import { createLogger } from "${import.meta.dir}/../ops/logger.ts";
  const logger = createLogger({ level: "silent", sink: { write: () => {} } });
  const open = () => openRedisBus({ node: newNodeId(), url: process.env.URL_OF_REDIS, installation: "one", logger });
  const [a, b] = [open(), open()];
  b.subscribe(async ({ data }) => {
    console.log(data);
    await Promise.all([a.close(), b.close()]);
  });
  const tell = () => a.works && b.works && a.publish({ channel: "live", data: "hello" });
  a.onRestored(tell);
  b.onRestored(tell);
`;
