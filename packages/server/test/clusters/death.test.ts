import { expect, test } from "bun:test";
import { hostname } from "node:os";
import { ActiveStatus, Push } from "@parley/protocol";
import { Client } from "pg";
import { administrator } from "../administrator.ts";
import { ApiClient } from "../api-client.ts";
import { TestCluster } from "../cluster-rig.ts";
import { say, signUp } from "../harness.ts";
import { LiveClient } from "../live-client.ts";
import { hasPostgres } from "../postgres-server.ts";
import { ServerProcess } from "../server-process.ts";
import { SeveralProcesses } from "../several-processes.ts";
import { withRaw } from "../test-database.ts";
import { Receiver, until } from "../webhook-receiver.ts";

/** Within 14 s everybody knows that a node is dead, and within another one that its people are offline; a slow machine takes longer. */
const DEATH_MS = 30_000;

test.skipIf(!hasPostgres)(
  "NODE-9, NODE-3, NODE-5, NODE-12: when the oldest node is killed, everything goes on elsewhere: presence, a sign-in by QR code, webhooks",
  async () => {
    const nodes = await TestCluster.start(0);
    const victim = new ServerProcess({ DATABASE_URL: nodes.databaseUrl, HEARTBEAT_MS: "1000" });
    const receiver = new Receiver();
    try {
      await victim.start();
      await nodes.add();
      await nodes.add();
      const begun = performance.now();
      const [ann, ben] = [await signUp(victim.url, "ann"), await nodes.person("ben")];
      const { api: root } = await administrator(nodes.at(1), "root");
      await root.ok("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE"] });
      const room = await nodes.at(0).room(ben, [ann]);
      const watcher = await nodes.at(0).live(ben);
      const live = await LiveClient.open(victim.url, { token: ann.token });
      const is = (status: number) => () =>
        watcher
          .of(Push.ONLINE_OFFLINE_NOTIFY)
          .flatMap(({ data }) => data.changeList)
          .findLast((one: { uid: number }) => one.uid === ann.uid)?.activeStatus === status;
      await until("ann to be online", is(ActiveStatus.online));
      await say(ben, room, "before");
      await receiver.until("the first message", () => receiver.texts().includes("before"));

      // The page that shows the code was answered by the node that will be killed, and the phone has scanned it there.
      const page = new ApiClient(victim.url);
      const { code, secret } = await page.ok<{ code: string; secret: string }>("POST", "/qr-logins");
      await new ApiClient(victim.url, ben.token).ok("POST", `/qr-logins/${code}/scan`);
      // A node that has begun a moment ago declares nobody dead.
      await until("nodes that know each other for long enough", () => performance.now() - begun > 16_000, 40_000);
      await victim.kill();
      await live.ended();

      const other = nodes.at(0).api;
      type Answer = { body: { state: string; token: string } };
      const ask = () =>
        other.call("GET", `/qr-logins/${code}?wait=10`, undefined, { "X-QR-Secret": secret }) as Promise<Answer>;
      expect((await ask()).body).toEqual({ state: "scanned" } as Answer["body"]);
      const answered = ask();
      await nodes.on(1, ben).api.ok("POST", `/qr-logins/${code}/confirm`);
      const { body } = await answered;
      expect(body.state).toBe("confirmed");
      expect(await new ApiClient(nodes.at(1).url, body.token).ok("GET", "/me")).toMatchObject({ uid: ben.uid });
      await say(nodes.on(1, ben), room, "meanwhile");
      await watcher.frame(Push.MESSAGE, ({ data }) => data.message.body.content === "meanwhile");

      await until("ann to be offline", is(ActiveStatus.offline), DEATH_MS);
      // Each of the others says so, whichever has ended its lease.
      for (const { log } of nodes.servers) {
        const said = () => log.filter((line) => line.includes("counts as dead")).map((line) => JSON.parse(line));
        await until("a line of the log", () => said().length > 0, DEATH_MS);
        expect(said().map(({ level, name }) => [level, name])).toEqual([["warn", `${hostname()}:${victim.pid}`]]);
      }
      await receiver.until("what was said meanwhile", () => receiver.texts().includes("meanwhile"));
      await say(nodes.on(1, ben), room, "after");
      await receiver.until("what was said after", () => receiver.texts().includes("after"));
    } finally {
      await receiver.stop();
      await victim.remove();
      await nodes[Symbol.asyncDispose]();
    }
  },
  120_000,
);

test.skipIf(!hasPostgres)(
  "BAN-5: a ban whose time was over ends before a node lets anybody in, though another one may be meant to end it",
  async () => {
    const nodes = await TestCluster.start(0);
    try {
      // It is the oldest one, and does nothing.
      const database = new Client(nodes.databaseUrl);
      await database.connect();
      await database.query("insert into nodes values ('0123456789abcdef', 0, $1, 0, 0, 1)", [Date.now() + 3_600_000]);
      await database.end();
      await nodes.add();
      const { api: root } = await administrator(nodes.at(0), "root");
      const ann = await nodes.person("ann");
      await root.ok("PUT", `/admin/bans/users/${ann.uid}`, { until: Date.now() + 3_600_000 });
      await withRaw({ url: nodes.databaseUrl }, (raw) => raw.rows("update bans set until = ?", Date.now() - 1000));
      expect((await ann.api.call("GET", "/me")).status).toBe(403);
      await nodes.add();
      expect((await nodes.on(1, ann).api.call("GET", "/me")).status).toBe(200);
    } finally {
      await nodes[Symbol.asyncDispose]();
    }
  },
  30_000,
);

test.skipIf(!hasPostgres)(
  "NODE-11: a process of several that counts as dead closes its connections with 1012, and another one takes its place",
  async () => {
    const nodes = await TestCluster.start(1);
    const machine = new SeveralProcesses({ DATABASE_URL: nodes.databaseUrl });
    const database = new Client(nodes.databaseUrl);
    try {
      await machine.start();
      const ann = await nodes.person("ann");
      const lives = await Promise.all(
        Array.from({ length: 20 }, () => LiveClient.open(machine.url, { token: ann.token })),
      );
      await Promise.all(lives.map((live) => live.frame(Push.RED_DOT)));
      await database.connect();
      // The one on this side, the one that supervises, and two that serve, in the order in which they began.
      const { rows } = await database.query("select node from nodes order by number");
      expect(rows).toHaveLength(4);
      await database.query("delete from nodes where node = $1", [rows[2].node]);
      await until("a connection that has ended", () => lives.some(({ closed }) => closed), 20_000);
      const count = async () => (await database.query("select node from nodes")).rows.length;
      await until("another process", async () => (await count()) === 4, 20_000);
      const codes = new Set(lives.filter(({ closed }) => closed).map(({ closed }) => closed?.code));
      expect([...codes]).toEqual([1012]);
    } finally {
      await database.end();
      await machine.remove();
      await nodes[Symbol.asyncDispose]();
    }
  },
  60_000,
);
