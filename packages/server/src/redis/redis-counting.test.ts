import { expect, spyOn, test } from "bun:test";
import { createClient } from "redis";
import { hasRedis, RedisServer, sharedRedis } from "../../test/redis-server.ts";
import { until } from "../../test/webhook-receiver.ts";
import { newNodeId } from "../bus/bus.ts";
import { SHARED_RATES } from "../limits/limits.ts";
import { createRates, type Rates } from "../limits/rates.ts";
import { createLogger } from "../ops/logger.ts";
import { openRedisCounting, type RedisCounting } from "./redis-counting.ts";

const on = (title: string, run: () => Promise<void>) => test.skipIf(!hasRedis)(title, run, 60_000);
const sharedUrl = hasRedis ? (await sharedRedis()).url() : "";
const logger = createLogger({ level: "silent", sink: { write: () => {} } });

/** Another node of the installation: what it counts together, once Redis counts. */
async function node(
  url: string,
  installation: string,
  signInsOverall = 600,
): Promise<RedisCounting & { rates: Rates }> {
  const counting = openRedisCounting({ url, installation, logger, patienceMs: 10_000 });
  await until("Redis counts", () => counting.works);
  return Object.assign(counting, {
    rates: createRates({ enabled: true, signInsOverall, together: counting.together }),
  });
}

async function raw(url: string) {
  const client = createClient({ url, socket: { reconnectStrategy: false } });
  client.on("error", () => {});
  await client.connect();
  return client;
}

on("LIM-1 every rate of the table has a count of its own, with its number", async () => {
  const installation = newNodeId();
  const [a, b] = await Promise.all([1, 2].map(() => node(sharedUrl, installation, 7)));
  if (!a || !b) throw new Error("there are two");
  for (const id of Object.keys(SHARED_RATES) as (keyof typeof SHARED_RATES)[]) {
    const count = id === "signInsOverall" ? 7 : SHARED_RATES[id].count;
    for (let n = 0; n < count; n++) expect(await (n % 2 ? a : b).rates[id].tryTake("x")).toBe(true);
    expect([await a.rates[id].tryTake("x"), await b.rates[id].tryTake("x")]).toEqual([false, false]);
  }
  a.close();
  b.close();
});

on("LIM-1 a node whose clock is set counts like the others", async () => {
  const installation = newNodeId();
  const [a, b] = await Promise.all([1, 2].map(() => node(sharedUrl, installation)));
  if (!a || !b) throw new Error("there are two");
  const now = Date.now();
  for (let n = 0; n < 20; n++) {
    const clock = spyOn(Date, "now").mockReturnValue(now + (n - 10) * 86_400_000);
    await (n % 2 ? a : b).rates.signIns.take("x");
    clock.mockRestore();
  }
  for (const jump of [-86_400_000, 86_400_000]) {
    const clock = spyOn(Date, "now").mockReturnValue(now + jump);
    await expect(a.rates.signIns.take("x")).rejects.toThrow(/try again in (600|5[6-9]\d) s/);
    clock.mockRestore();
  }
  a.close();
  b.close();
});

on("LIM-3 installations that share one Redis do not count for each other", async () => {
  const [a, b] = await Promise.all([newNodeId(), newNodeId()].map((id) => node(sharedUrl, id)));
  if (!a || !b) throw new Error("there are two");
  for (let n = 0; n < 20; n++) await a.rates.qrCodes.take("1.2.3.4");
  expect([await a.rates.qrCodes.tryTake("1.2.3.4"), await b.rates.qrCodes.tryTake("1.2.3.4")]).toEqual([false, true]);
  a.close();
  b.close();
});

on("LIM-3 what is in Redis ends by itself, has short names, and tells no name and no address", async () => {
  const installation = newNodeId();
  const { rates, close } = await node(sharedUrl, installation);
  const names = ["ann 1.2.3.4", "x".repeat(100_000), "a:b\r\nFLUSHALL", "*", "1.2.3.4"];
  for (const name of names) {
    await rates.failedSignIns.take(name);
    await rates.qrCodes.take(name);
    await rates.signIns.check(name);
    await rates.signInsOverall.take(name);
    await rates.signInsOverall.giveBack(name);
    await rates.signInsOfNetwork.take(name);
    await rates.signInsOfNetwork.reset(name);
  }
  const client = await raw(sharedUrl);
  const keys = (await client.keys(`parley:${installation}:*`)).filter((key) => !key.endsWith(":probe")).toSorted();
  // What was only looked at, given back or forgotten leaves nothing.
  expect(keys).toHaveLength(2 * names.length);
  const form = new RegExp(`^parley:${installation}:rate:(failedSignIns|qrCodes):[A-Za-z0-9_-]{22}$`);
  for (const key of keys) {
    expect(key).toMatch(form);
    const left = await client.pTTL(key);
    const { windowMs } = SHARED_RATES[key.includes("qrCodes") ? "qrCodes" : "failedSignIns"];
    expect(left).toBeGreaterThan(windowMs - 30_000);
    expect(left).toBeLessThanOrEqual(windowMs);
  }
  await until("the probe has ended", async () => (await client.exists(`parley:${installation}:rate:probe`)) === 0);
  client.destroy();
  close();
});

on("LIM-3 a window that does not end, ends too late or is no number begins anew", async () => {
  const installation = newNodeId();
  const { rates, close } = await node(sharedUrl, installation);
  const client = await raw(sharedUrl);
  const spoilings: ((key: string) => Promise<unknown>)[] = [
    (key) => client.persist(key),
    // As when the clock of Redis's machine was set back by an hour.
    (key) => client.pExpire(key, 3_600_000),
    (key) => client.set(key, "twenty", { expiration: "KEEPTTL" }),
  ];
  for (const [index, spoil] of spoilings.entries()) {
    const who = `x${index}`;
    const before = new Set(await client.keys(`parley:${installation}:*`));
    for (let n = 0; n < 20; n++) await rates.signIns.take(who);
    expect(await rates.signIns.tryTake(who)).toBe(false);
    const [key] = (await client.keys(`parley:${installation}:rate:signIns:*`)).filter((one) => !before.has(one));
    if (key === undefined) throw new Error("it is not in Redis");
    await spoil(key);
    await rates.signIns.check(who);
    for (let n = 0; n < 20; n++) expect(await rates.signIns.tryTake(who)).toBe(true);
    expect(await rates.signIns.tryTake(who)).toBe(false);
    const left = await client.pTTL(key);
    expect(left).toBeGreaterThan(0);
    expect(left).toBeLessThanOrEqual(600_000);
  }
  client.destroy();
  close();
});

on("LIM-1 a user of Redis who may do no more than the runbook says can count", async () => {
  const runbook = await Bun.file(new URL("../../../../docs/runbook.md", import.meta.url)).text();
  const [, rights] = /ACL SETUSER parley (on >PASSWORD [^`]*)`/.exec(runbook) ?? [];
  const server = await RedisServer.start({ lines: [`user parley ${rights}`] });
  const { rates, works, close } = await node(`redis://parley:PASSWORD@127.0.0.1:${server.port}`, "one");
  await rates.signIns.take("x");
  await rates.signIns.take("x");
  await rates.signIns.check("x");
  await rates.signIns.giveBack("x");
  await rates.signIns.reset("x");
  for (let n = 0; n < 20; n++) await rates.signIns.take("x");
  expect(await rates.signIns.tryTake("x")).toBe(false);
  expect(works).toBe(true);
  close();
  await server.stop();
});

on("LIM-1 many nodes that begin at once all count", async () => {
  const server = await RedisServer.start();
  const installation = newNodeId();
  const nodes = await Promise.all(Array.from({ length: 20 }, () => node(server.url(), installation)));
  const taken = await Promise.all(
    nodes.flatMap(({ rates }) => [rates.signIns.tryTake("x"), rates.signIns.tryTake("x")]),
  );
  expect(taken.filter(Boolean)).toHaveLength(20);
  for (const { close } of nodes) close();
  await server.stop();
});
