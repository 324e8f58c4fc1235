import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, Push, roomStream } from "@parley/protocol";
import { Client } from "pg";
import { samplerOfAll } from "../../src/admin/all-nodes.ts";
import { administrator } from "../administrator.ts";
import { ApiClient } from "../api-client.ts";
import { type BusKind, TestCluster } from "../cluster-rig.ts";
import { type Person, say } from "../harness.ts";
import { HeldTimers } from "../held-timers.ts";
import { Line } from "../line.ts";
import { LiveClient } from "../live-client.ts";
import { hasPostgres } from "../postgres-server.ts";
import { hasRedis } from "../redis-server.ts";
import { ServerProcess } from "../server-process.ts";
import { withRaw } from "../test-database.ts";
import { Receiver, until } from "../webhook-receiver.ts";

const BUSES: readonly BusKind[] = hasRedis ? ["NOTIFY", "Redis"] : ["NOTIFY"];

describe.skipIf(!hasPostgres).each(BUSES)("two nodes whose bus is %s", (bus) => {
  let nodes: TestCluster;
  let [ann, ben]: Person[] = [];
  let room = 0;
  beforeAll(async () => {
    nodes = await TestCluster.start(2, { bus });
    [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
    room = await nodes.at(0).room(ann as Person, [ben as Person]);
  }, 30_000);
  afterAll(() => nodes[Symbol.asyncDispose](), 30_000);
  const sayAt = (index: number, text: string) => say(nodes.on(index, ann as Person), room, text);
  const metric = async (index: number, name: string) => {
    const page = await (await fetch(`${nodes.at(index).url}/metrics`)).text();
    return Number(new RegExp(`^${name} (.*)$`, "m").exec(page)?.[1] ?? Number.NaN);
  };
  const readyz = (index: number) => fetch(`${nodes.at(index).url}/readyz`).then((reply) => reply.json());

  test("BUS-9: what both log reaches the readers of both, once and in order", async () => {
    if (!ben) throw new Error("people");
    const lives = await Promise.all([0, 1].map((index) => nodes.at(index).live(ben as Person)));
    await Promise.all(Array.from({ length: 60 }, (_, n) => sayAt(n % 2, `number ${n}`)));
    for (const live of lives) {
      await until("60 texts", () => live.of(Push.MESSAGE).length >= 60);
      const seqs = live.of(Push.MESSAGE).map(({ seq = 0 }) => seq);
      expect(seqs).toEqual(Array.from({ length: 60 }, (_, n) => (seqs[0] ?? 0) + n));
      live.close();
      // The next test needs a node on which nobody reads.
      await live.ended();
    }
  }, 30_000);

  test.skipIf(bus === "Redis")(
    "BUS-9: a node builds the texts of rooms that somebody reads there, and no others",
    async () => {
      if (!ben) throw new Error("people");
      const heard: string[] = [];
      nodes.at(1).storage.listen(({ type, data }) => {
        if (type === Push.MESSAGE) heard.push(data);
      });
      await sayAt(0, "to nobody");
      await until("the first text", () => heard.length === 1);
      const live = await nodes.at(1).live(ben);
      await sayAt(0, "to somebody");
      await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "to somebody");
      expect(heard).toEqual(["null", expect.stringContaining("to somebody")]);
      live.close();
      await live.ended();
    },
    30_000,
  );

  test("PG-13: a node that begins is known to the others at once, and one that stops is gone at once", async () => {
    if (!ben) throw new Error("people");
    // Without these words a node looks at the leases up to 3 s later.
    const said: [kind: unknown, from: string, to: unknown][] = [];
    const stops = nodes.servers.map(({ context }) =>
      context.channel.place.bus.subscribe((message, from) => {
        if (message.channel === "live") said.push([Object(message.data).kind, from, Object(message.data).to]);
      }),
    );
    const isSaid = (...wanted: (typeof said)[number]) => said.some((one) => Bun.deepEquals(one, wanted));
    const others = nodes.servers.map(({ node }) => node);
    const third = await nodes.add();
    const { node } = third;
    // Nobody waits for longer than a second until both know it.
    await until("both to know the third node", () => others.every((other) => isSaid("known", other, node)));
    const live = await third.live(ben);
    await sayAt(0, "to the third");
    await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "to the third");
    live.close();
    const { api: root } = await administrator(nodes.at(0), "root");
    const listed = () => root.ok<{ items: object[] }>("GET", "/admin/nodes").then(({ items }) => items.length);
    await until("three nodes", async () => (await listed()) === 3);
    expect(await metric(1, "parley_nodes")).toBe(3);
    {
      // What carries the bus may stand still for longer than the half second that the goodbye has.
      using _ = new HeldTimers(500);
      await nodes.stop(2);
    }
    await until("the third node to say goodbye", () => isSaid("bye", node, undefined));
    for (const stop of stops) stop();
    await until("two nodes", async () => (await listed()) === 2);
    await until("two nodes here too", async () => (await metric(0, "parley_nodes")) === 2);
  }, 30_000);

  test("NODE-7: charts show all nodes, whichever is asked", async () => {
    const { token } = await administrator(nodes.at(0), "charts");
    for (const [index, { url }] of nodes.servers.entries()) {
      const root = new ApiClient(url, token);
      await fetch(`${url}/healthz`);
      const { series } = nodes.at(index).context;
      // A node that needs longer than a second to answer is left out of a point.
      await until("a point of all nodes", async () => {
        if (index === 0) series.add(await samplerOfAll(nodes.at(0).context, nodes.at(0).metrics).sample());
        const { points } = await root.ok<{ points: { value: number }[] }>("GET", "/admin/series?name=residentBytes");
        // Both nodes are in this process.
        return (points.at(-1)?.value ?? 0) > process.memoryUsage.rss() * 1.5;
      });
    }
  }, 30_000);

  test.skipIf(bus === "NOTIFY")(
    "NODE-13: while the bus is away events arrive, /readyz says degraded, and afterwards all is as before",
    async () => {
      if (!ben || !nodes.redis) return;
      const live = await nodes.at(1).live(ben);
      await nodes.redis.kill();
      await until("degraded", async () => (await readyz(1)).status === "degraded");
      expect(await readyz(1)).toEqual({ status: "degraded", warnings: ["bus_away"] });
      expect(await metric(1, "parley_bus_works")).toBe(0);
      await sayAt(0, "without a bus");
      await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "without a bus");
      await nodes.redis.startAgain();
      await until(
        "ready again",
        async () => (await readyz(0)).status === "ready" && (await readyz(1)).status === "ready",
      );
      expect(await metric(1, "parley_bus_works")).toBe(1);
      await sayAt(0, "with a bus");
      await live.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "with a bus");
      live.close();
    },
    60_000,
  );

  test("NODE-12, HOOK-1: one node sends what the product is told, and another one goes on where it stopped", async () => {
    const receiver = new Receiver();
    try {
      const { api: root } = await administrator(nodes.at(1), "admin");
      await root.ok("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE"] });
      const count = 20;
      await Promise.all(Array.from({ length: count }, (_, n) => sayAt(n % 2, `told ${n}`)));
      await receiver.until("all messages", () => receiver.texts().length >= count);
      // A node that stops before it has read an answer leaves its message to the next one, which tells it again.
      const told = 'parley_webhook_deliveries_total\\{result="delivered"\\}';
      await until("all answers are read", async () => (await metric(0, told)) === count);
      await nodes.stop(0);
      await sayAt(0, "told by the other one");
      await receiver.until("the last message", () => receiver.texts().includes("told by the other one"));
      const seqs = receiver.taken.filter(({ stream }) => stream === roomStream(room)).map(({ seq }) => seq as number);
      expect(seqs).toEqual(seqs.map((_, n) => (seqs[0] as number) + n));
      expect(seqs).toHaveLength(count + 1);
    } finally {
      await receiver.stop();
    }
  }, 30_000);
});

describe.skipIf(!hasPostgres || !hasRedis)("a node that Redis does not reach", () => {
  test("BUS-11, NODE-1: hears of the others, and they hear of its people, frames that are not logged included", async () => {
    const nodes = await TestCluster.start(1, { bus: "Redis" });
    const line = new Line(nodes.redis?.port ?? 0);
    try {
      await nodes.add({ REDIS_URL: nodes.redis?.url(line.port) ?? "" });
      const [ann, ben, cai] = [await nodes.person("ann"), await nodes.person("ben"), await nodes.person("cai")];
      const room = await nodes.at(0).room(ann, [ben, cai]);
      const here = await nodes.at(0).live(ann);
      line.cut();
      await until("degraded", async () => {
        const { status } = await fetch(`${nodes.at(1).url}/readyz`).then((reply) => reply.json());
        return status === "degraded";
      });
      const there = await nodes.at(1).live(ben);
      const isOnline = (live: LiveClient, uid: number) => () =>
        live
          .of(Push.ONLINE_OFFLINE_NOTIFY)
          .flatMap(({ data }) => data.changeList)
          .some((one: { uid: number; activeStatus: number }) => one.uid === uid && one.activeStatus === 1);
      await until("ben to be online on the other node", isOnline(here, ben.uid));
      const late = await nodes.at(0).live(cai);
      await until("cai to be online on this node", isOnline(there, cai.uid));
      // Everybody in the room is told, its sender too.
      const typed = (live: LiveClient, uid: number) =>
        live.of(Push.TYPING).filter(({ data }) => data.uid === uid).length;
      const typing = { type: Command.TYPING, data: { roomId: room } };
      // What the other node sends before it has read in the leases that this one is cut off is lost.
      await until("typing from the other node", () => {
        here.send(typing);
        return typed(there, ann.uid) > 0;
      });
      there.send(typing);
      await until("typing from this node", () => typed(here, ben.uid) > 0);
      expect([typed(there, ann.uid), typed(here, ben.uid)]).toEqual([1, 1]);
      for (const live of [here, there, late]) live.close();
    } finally {
      await nodes[Symbol.asyncDispose]();
      await line.close();
    }
  }, 60_000);
});

describe.skipIf(!hasPostgres)("a node that counts as dead", () => {
  test("NODE-11: writes nothing any more, closes its connections with 1012, and begins anew as another node", async () => {
    const nodes = await TestCluster.start(1);
    const node = new ServerProcess({ DATABASE_URL: nodes.databaseUrl });
    try {
      await node.start();
      const ann = await nodes.person("ann");
      const live = await LiveClient.open(node.url, { token: ann.token });
      await live.frame(Push.RED_DOT);
      const database = new Client(nodes.databaseUrl);
      await database.connect();
      const others = async () =>
        (await database.query(`select node from nodes where node <> '${nodes.at(0).node}'`)).rows.map(
          ({ node }) => node,
        );
      const [before] = await others();
      // The request is under way when the lease ends: the node may look at the leases at that moment, and then it ends by itself.
      await database.query("begin");
      await database.query("select pos from log for update");
      const refused = fetch(`${node.url}/api/v1/rooms`, {
        method: "POST",
        headers: { Authorization: `Bearer ${ann.token}`, "Content-Type": "application/json" },
        body: JSON.stringify({ name: "g", memberIds: [] }),
      });
      const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
      const isWaiting = () => withRaw({ url: nodes.databaseUrl }, async (raw) => (await raw.rows(waiting)).length > 0);
      await until("the write waits for the log's lock", isWaiting);
      await database.query("delete from nodes where node = $1", [before]);
      await database.query("commit");
      expect((await refused).status).toBe(503);
      expect((await live.ended()).code).toBe(1012);
      await until("another node", async () => (await others()).length === 1);
      expect(await others()).not.toEqual([before]);
      await database.end();
    } finally {
      await node.remove();
      await nodes[Symbol.asyncDispose]();
    }
  }, 30_000);
});
