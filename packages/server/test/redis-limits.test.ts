import { expect, test } from "bun:test";
import { createClient } from "redis";
import { newNodeId } from "../src/bus/bus.ts";
import { createLogger } from "../src/ops/logger.ts";
import { openRedisCounting } from "../src/redis/redis-counting.ts";
import { TestServer } from "./harness.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { whileRedisAnswers } from "./redis-patience.ts";
import { hasRedis, RedisServer } from "./redis-server.ts";
import { TABLES } from "./test-database.ts";
import { until } from "./webhook-receiver.ts";

const WORKS = "are counted by Redis for all nodes";
const AWAY = "are counted by this node alone";
/** How often its log has said so. */
const said = ({ log }: TestServer, what: string) => log.filter((line) => line.includes(what)).length;

const once: typeof whileRedisAnswers = (attempt) => attempt(() => {});

const on = (
  title: string,
  run: (of: { server: TestServer; redis: RedisServer }) => Promise<void>,
  inAttempts = once,
) => {
  const scene = () =>
    inAttempts(async (started) => {
      const redis = await RedisServer.start();
      const url = await (await sharedPostgres()).freshDatabase(TABLES);
      const settings = { DATABASE_URL: url, REDIS_URL: redis.url(), RATE_LIMITS: "on", SIGN_INS_OVERALL: "1000" };
      const server = await TestServer.start(settings);
      await until("Redis counts", () => said(server, WORKS) > 0);
      started(server);
      await run({ server, redis });
      await server.stop();
      if (redis.isRunning) expect(await connectionsTo(redis)).not.toContain("name=parley-rates");
    });
  test.skipIf(!hasPostgres || !hasRedis)(title, scene, 60_000);
};

/** What is counted in Redis: its keys, without those of the probe. */
async function countedIn(redis: RedisServer): Promise<Map<string, string | null>> {
  const client = createClient({ url: redis.url() });
  await client.connect();
  const keys = (await client.keys("*:rate:*")).filter((key) => !key.endsWith(":probe"));
  const counted = new Map<string, string | null>();
  for (const key of keys) counted.set(key, await client.get(key));
  client.destroy();
  return counted;
}

async function connectionsTo(redis: RedisServer): Promise<string> {
  const client = createClient({ url: redis.url() });
  await client.connect();
  const list = await client.sendCommand<string>(["CLIENT", "LIST"]);
  client.destroy();
  return list;
}

const newCode = (server: TestServer) => server.api.call("POST", "/qr-logins");
const signIn = (server: TestServer, password: string) => server.api.call("POST", "/logins", { name: "ann", password });
const statusesOf = async (count: number, ask: () => Promise<{ status: number }>) => {
  const statuses: number[] = [];
  for (let n = 0; n < count; n++) statuses.push((await ask()).status);
  return statuses;
};
const times = (count: number, status: number) => Array.from({ length: count }, () => status);

on(
  "LIM-1 sign-ins, new accounts and QR codes of a server are counted in Redis, with those of other nodes",
  async (of) => {
    const { server, redis } = of;
    await server.person("ann");
    expect(await statusesOf(1, () => signIn(server, "not the password"))).toEqual([401]);
    expect(await statusesOf(5, () => newCode(server))).toEqual(times(5, 201));
    expect(await connectionsTo(redis)).toContain("name=parley-rates");
    const counted = await countedIn(redis);
    const [installation] = [...counted.keys()].map((key) => key.split(":")[1]);
    if (installation === undefined) throw new Error("nothing is counted in Redis");
    const byRate = Object.fromEntries([...counted].map(([key, count]) => [key.split(":")[3], count]));
    // The address was known to the account when it tried to sign in, so only the new account counts for everybody.
    expect(byRate).toEqual({ signIns: "2", signInsOverall: "1", failedSignIns: "1", qrCodes: "5" });

    const logger = createLogger({ level: "silent", sink: { write: () => {} } });
    const counting = { url: redis.url(), logger, patienceMs: 10_000 };
    const other = openRedisCounting({ ...counting, installation });
    const stranger = openRedisCounting({ ...counting, installation: newNodeId() });
    await until("Redis counts there", () => other.works && stranger.works);
    const row = {
      counts: "QR codes",
      by: "address",
      count: 20,
      windowMs: 60_000,
      refusal: { code: "rate_limited" },
    } as const;
    for (const { together } of [other, stranger]) {
      const codes = together.shared("qrCodes", { row, onFull: () => {} });
      for (let n = 0; n < 13; n++) expect(await codes.tryTake("127.0.0.1")).toBe(true);
    }
    // 5 here and 13 there: two are left.
    expect(await statusesOf(4, () => newCode(server))).toEqual([201, 201, 429, 429]);
    other.close();
    stranger.close();
  },
  whileRedisAnswers,
);

on(
  "LIM-2 nobody is refused and nobody waits for long because Redis stands still or is gone",
  async ({ server, redis }) => {
    await server.person("ann");
    // On a machine that stood still Redis may have counted as away for a moment, and the log has said so.
    await until("Redis counts", () => said(server, WORKS) > said(server, AWAY));
    const before = said(server, AWAY);
    let tookMs = 0;
    const newCodes = async (count: number) => {
      const begun = performance.now();
      const statuses = await statusesOf(count, () => newCode(server));
      tookMs += performance.now() - begun;
      return statuses;
    };
    redis.freeze();
    expect(await newCodes(4)).toEqual(times(4, 201));
    expect(await statusesOf(3, () => signIn(server, "not the password"))).toEqual(times(3, 401));
    expect(await newCodes(20)).toEqual([...times(16, 201), ...times(4, 429)]);
    // Only the first one waits for a quarter of a second. All of them would wait for six seconds.
    expect(tookMs).toBeLessThan(4000);
    redis.resume();
    await redis.kill();
    expect((await signIn(server, "correct horse battery")).status).toBeLessThan(429);
    expect(said(server, AWAY)).toBe(before + 1);
  },
);
