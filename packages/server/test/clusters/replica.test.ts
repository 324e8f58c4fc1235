/** A Redis that becomes a replica while a node is connected to it: what the node sends comes back to it, and reaches nobody else. */
import { expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { createClient } from "redis";
import { TestCluster } from "../cluster-rig.ts";
import { say } from "../harness.ts";
import { Line } from "../line.ts";
import type { LiveClient } from "../live-client.ts";
import { hasPostgres } from "../postgres-server.ts";
import { hasRedis, RedisServer } from "../redis-server.ts";
import { until } from "../webhook-receiver.ts";

/** Until the others know that nothing comes from it: 10 s, and three looks at the leases; a slow machine takes longer. */
const NOTICED_MS = 40_000;

test.skipIf(!hasPostgres || !hasRedis)(
  "BUS-11, NODE-1, NODE-13: a node whose Redis becomes a replica is heard by notifications, and the others say that they are degraded until it is back",
  async () => {
    const nodes = await TestCluster.start(1, { bus: "Redis" });
    const promoted = await RedisServer.start();
    const old = await createClient({ url: nodes.redis?.url() ?? "" }).connect();
    const line = new Line(nodes.redis?.port ?? 0);
    const isOnline = (live: LiveClient, uid: number) => () =>
      live
        .of(Push.ONLINE_OFFLINE_NOTIFY)
        .flatMap(({ data }) => data.changeList)
        .some((one: { uid: number; activeStatus: number }) => one.uid === uid && one.activeStatus === 1);
    const readyz = async (index: number) => (await fetch(`${nodes.at(index).url}/readyz`)).json();
    try {
      await nodes.add({ REDIS_URL: promoted.url(line.port) });
      const [ann, ben, cai] = [await nodes.person("ann"), await nodes.person("ben"), await nodes.person("cai")];
      const room = await nodes.at(0).room(ann, [ben, cai]);
      const here = await nodes.at(1).live(ben);
      // The first node stays where it is, and the second one follows the address to the new primary.
      await old.sendCommand(["REPLICAOF", "127.0.0.1", String(promoted.port)]);
      line.cut();
      line.lead(promoted.port);
      line.heal();
      const there = await nodes.at(0).live(ann);
      await until("ann to be online for ben", isOnline(here, ann.uid), NOTICED_MS);
      const noticed = () => nodes.at(1).log.filter((text) => text.includes("nothing comes from it by the bus"));
      // Notifications may have stood in before that: for the moment in which the second node had no connection to Redis.
      await until("the second node misses the first one", () => noticed().length > 0, NOTICED_MS);
      expect(await readyz(1)).toEqual({ status: "degraded", warnings: ["bus_away"] });
      expect(await readyz(0)).toEqual({ status: "ready", warnings: [] });
      // From now on everything arrives at once, frames that are not logged included.
      await until("typing", async () => {
        there.send({ type: Command.TYPING, data: { roomId: room } });
        return here.of(Push.TYPING).length > 0;
      });
      const late = await nodes.at(0).live(cai);
      await until("cai to be online for ben", isOnline(here, cai.uid));
      await say(ann, room, "hello");
      await here.frame(Push.MESSAGE);
      expect(noticed().map((text) => JSON.parse(text).silent)).toEqual([nodes.at(0).node]);

      await old.sendCommand(["REPLICAOF", "NO", "ONE"]);
      line.cut();
      line.lead(nodes.redis?.port ?? 0);
      line.heal();
      await until(
        "the second node hears everybody again",
        async () => (await readyz(1)).status === "ready",
        NOTICED_MS,
      );
      for (const live of [here, there, late]) live.close();
    } finally {
      old.destroy();
      await nodes[Symbol.asyncDispose]();
      await line.close();
      await promoted.stop();
    }
  },
  150_000,
);
