/** Nodes of which some have Redis and others have not, as while it is added to a cluster that runs. */
import { expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { uptimeMs } from "../../src/lib/uptime.ts";
import { administrator } from "../administrator.ts";
import { ApiClient } from "../api-client.ts";
import { TestCluster } from "../cluster-rig.ts";
import { say } from "../harness.ts";
import type { LiveClient } from "../live-client.ts";
import { hasPostgres } from "../postgres-server.ts";
import { hasRedis, RedisServer } from "../redis-server.ts";
import { until } from "../webhook-receiver.ts";

const ofOther = (live: LiveClient, uid: number) => live.of(Push.TYPING).filter(({ data }) => data.uid === uid).length;

/** A node with Redis says nothing of the others before that. */
const NOT_NOTICED_MS = 10_000;
/** Until a node with Redis says that it does not hear everybody by it: 10 s, and three looks at the leases; a slow machine takes longer. */
const NOTICED_MS = 40_000;

test.skipIf(!hasPostgres || !hasRedis).each(["with", "without"] as const)(
  "BUS-11, NODE-1, NODE-7: a node that joins %s Redis while the other one is the opposite hears everything, and is heard",
  async (which) => {
    const redis = await RedisServer.start();
    const REDIS_URL = redis.url();
    const nodes = await TestCluster.start(0);
    const isOnline = (live: LiveClient, uid: number) => () =>
      live
        .of(Push.ONLINE_OFFLINE_NOTIFY)
        .flatMap(({ data }) => data.changeList)
        .some((one: { uid: number; activeStatus: number }) => one.uid === uid && one.activeStatus === 1);
    const readyz = async (index: number) => (await fetch(`${nodes.at(index).url}/readyz`)).json();
    const lines = (index: number, text: string) => nodes.at(index).log.filter((line) => line.includes(text));
    const [first, second] = which === "with" ? [{}, { REDIS_URL }] : [{ REDIS_URL }, {}];
    const hasRedisUrl = which === "with" ? 1 : 0;
    const begunMs = uptimeMs();
    try {
      await nodes.add(first);
      await nodes.add(second);
      const [ann, ben, cai] = [await nodes.person("ann"), await nodes.person("ben"), await nodes.person("cai")];
      const room = await nodes.at(0).room(ann, [ben, cai]);
      const { token } = await administrator(nodes.at(0), "root");
      const [a, b] = [await nodes.at(0).live(ann), await nodes.at(1).live(ben)];
      const exchange = async () => {
        // Those of the other person: everybody in the room hears it, its sender, too.
        const heard = () => [a, b].map((live, n) => ofOther(live, n === 0 ? ben.uid : ann.uid));
        const before = heard();
        for (const live of [a, b]) live.send({ type: Command.TYPING, data: { roomId: room } });
        await until("typing", () => heard().every((count, n) => count > (before[n] as number)));
        // Once each, though a node with Redis sends it twice.
        expect(heard()).toEqual(before.map((count) => count + 1));
        for (const { url } of nodes.servers) {
          const api = new ApiClient(url, token);
          // A node that needs longer than a second to answer is missing from the list.
          await until("both nodes to be listed", async () => {
            const { items, missingNodes } = await api.ok<{ items: object[]; missingNodes: string[] }>(
              "GET",
              "/admin/nodes",
            );
            return items.length === 2 && missingNodes.length === 0;
          });
        }
      };
      // Before anybody could have noticed that Redis brings nothing.
      await until("ben to be online for ann", isOnline(a, ben.uid));
      await until("ann to be online for ben", isOnline(b, ann.uid));
      await exchange();
      const early = (await readyz(hasRedisUrl)).status;
      // A machine on which all of this has taken so long has shown only that everything is heard.
      if (uptimeMs() - begunMs < NOT_NOTICED_MS) expect(early).toBe("ready");

      await until(
        "the one with Redis says that it does not hear everybody by it",
        async () => (await readyz(hasRedisUrl)).status === "degraded",
        NOTICED_MS,
      );
      expect(await readyz(hasRedisUrl)).toEqual({ status: "degraded", warnings: ["bus_away"] });
      expect(await readyz(1 - hasRedisUrl)).toEqual({ status: "ready", warnings: [] });
      await exchange();
      const late = await nodes.at(hasRedisUrl).live(cai);
      const other = hasRedisUrl === 1 ? a : b;
      await until("cai to be online on the other node", isOnline(other, cai.uid));
      await say(ann, room, "hello");
      for (const live of [a, b, late]) await live.frame(Push.MESSAGE);
      // Each side says once what is the matter.
      expect(lines(hasRedisUrl, "nothing comes from it by the bus")).toHaveLength(1);
      const said = lines(1 - hasRedisUrl, "another node has REDIS_URL and this one has not");
      expect(said.map((line) => JSON.parse(line).other)).toEqual([nodes.at(hasRedisUrl).node]);
      for (const live of [a, b, late]) live.close();
    } finally {
      await nodes[Symbol.asyncDispose]();
      await redis.stop();
    }
  },
  120_000,
);
