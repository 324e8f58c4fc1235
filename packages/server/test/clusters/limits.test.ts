import { describe, expect, test } from "bun:test";
import { type BusKind, TestCluster } from "../cluster-rig.ts";
import { hasPostgres } from "../postgres-server.ts";
import { whileRedisAnswers } from "../redis-patience.ts";
import { hasRedis } from "../redis-server.ts";
import { untilRefusedElsewhere } from "../used-up.ts";
import { until } from "../webhook-receiver.ts";

/** Asks both nodes in turn. @returns how often each status was the answer */
async function ask(nodes: TestCluster, times: number, path: string, body: object): Promise<Record<number, number>> {
  const statuses = await Promise.all(
    Array.from({ length: times }, async (_, n) => (await nodes.at(n % 2).api.call("POST", path, body)).status),
  );
  return Object.fromEntries([...new Set(statuses)].map((one) => [one, statuses.filter((it) => it === one).length]));
}

const wrong = { name: "ann", password: "not the password" };

test.skipIf(!hasPostgres || !hasRedis)(
  "LIM-1 two nodes with Redis let as many QR codes and sign-ins of an address pass as one, and without it each as many",
  async () => {
    await using nodes = await whileRedisAnswers(async (started) => {
      const nodes = await TestCluster.start(2, { bus: "Redis", settings: { RATE_LIMITS: "on" } });
      nodes.servers.forEach(started);
      const counting = (index: number) => nodes.at(index).log.some((line) => line.includes("counted by Redis for all"));
      await until("Redis counts for both", () => counting(0) && counting(1));
      await nodes.person("ann");
      expect(await ask(nodes, 30, "/qr-logins", {})).toEqual({ 201: 20, 429: 10 });
      // Five failures of an account and address, and then no more are tried.
      expect(await ask(nodes, 12, "/logins", wrong)).toEqual({ 401: 5, 429: 7 });
      return nodes;
    });
    await nodes.redis?.kill();
    const alone = (index: number) => nodes.at(index).log.some((line) => line.includes("by this node alone"));
    await until("each counts alone", () => alone(0) && alone(1));
    // Each goes on from what it let pass itself, so they have twenty more, and five.
    expect(await ask(nodes, 30, "/qr-logins", {})).toEqual({ 201: 20, 429: 10 });
    expect(await ask(nodes, 12, "/logins", wrong)).toEqual({ 401: 5, 429: 7 });
    await nodes.redis?.startAgain();
  },
  60_000,
);

const BUSES: readonly BusKind[] = hasRedis ? ["NOTIFY", "Redis"] : ["NOTIFY"];
describe.skipIf(!hasPostgres).each(BUSES)("two nodes whose bus is %s", (bus) => {
  test("LIM-4 an address that has used up its requests without a token at one node has none left at the other", async () => {
    await using nodes = await TestCluster.start(2, { bus, settings: { RATE_LIMITS: "on" } });
    await untilRefusedElsewhere(nodes.at(0), nodes.at(1));
  }, 60_000);
});
