import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HeldTimers } from "../test/held-timers.ts";
import { endLater } from "../test/left-running.ts";
import { Line } from "../test/line.ts";
import { hasPostgres, sharedPostgres } from "../test/postgres-server.ts";
import { hasRedis, RedisServer } from "../test/redis-server.ts";
import { TABLES } from "../test/test-database.ts";
import { until } from "../test/webhook-receiver.ts";
import { Cluster } from "./cluster.ts";
import { openSession } from "./db/postgres/session.ts";
import type { LoggedEvent } from "./db/transaction.ts";
import type { Announcer } from "./event-log/announce.ts";
import { delay } from "./lib/interval.ts";
import { createLogger } from "./ops/logger.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];
const EVENT = { pos: 5 } as LoggedEvent;
/** How often a node renews its lease. Then it sees which others have begun or ended, also if it has not heard of that. */
const RENEW_MS = 3000;
/** How long a node waits for the others' answers to its greeting, and to its question whether they have handed something on. */
const ANSWER_MS = 1000;

/** A node's part in a cluster, without a server: what it would hand on is noted. */
class Node {
  readonly cluster: Cluster;
  readonly upTo: number[] = [];
  readonly asked: { upTo: number; resolve: () => void }[] = [];
  readonly versions: [string, number][] = [];
  /** Whether each node that is there knew this one when it looked at the log's end. */
  readonly knownAtLooks: boolean[] = [];
  readonly #others: readonly Node[];
  position: number;

  constructor(id: string, others: readonly Node[], of: { position?: number; redisUrl?: string } = {}) {
    const logger = createLogger({ level: "error", sink: { write: () => {} } });
    this.cluster = new Cluster({ node: id, redisUrl: of.redisUrl, dir: "", logger, onGone: () => {} });
    this.#others = others;
    this.position = of.position ?? 0;
  }

  async start(url: string): Promise<this> {
    const node = this;
    await this.cluster.begin({ url });
    endLater(() => this.cluster.leave());
    this.cluster.setPeople({ version: 9, hearVersion: (from, version) => void this.versions.push([from, version]) });
    const announcer = {
      get position() {
        return node.position;
      },
      announceUpTo: async (upTo: number) => void this.upTo.push(upTo),
      whenAnnounced: (upTo: number) => new Promise<void>((resolve) => void this.asked.push({ upTo, resolve })),
    } as unknown as Announcer;
    const look = async () => void this.knownAtLooks.push(this.#others.every((other) => other.knows(this)));
    await this.cluster.join({ epoch: "e", announcer, look, hasReaders: () => false });
    await until("the bus", () => this.cluster.busWorks);
    return this;
  }

  knows({ cluster }: Node): boolean {
    return this.cluster.place.liveness.isAlive(cluster.self);
  }
}

describe.skipIf(!hasPostgres)("nodes on one database", () => {
  /** The first one has to start a server, on a machine that may be slow. */
  const it = (title: string, run: () => Promise<void>) => test(title, run, 30_000);
  let url: string;
  let [a, b]: Node[] = [];
  beforeEach(async () => {
    url = await (await sharedPostgres()).freshDatabase(TABLES);
    a = await new Node(A, [], { position: 40 }).start(url);
    b = await new Node(B, [a]).start(url);
    await until("each to know the other", () => both().every((node) => both().every((other) => isKnown(node, other))));
  }, 60_000);
  afterEach(async () => {
    await Promise.all([a?.cluster.leave(), b?.cluster.leave()]);
  });
  const both = () => [a, b] as [Node, Node];
  const isKnown = (node: Node, by: Node) => node === by || by.knows(node);

  it("PG-13: a node that has begun is known to all, looks at the log's end then, and hears how far the log goes", async () => {
    const [a, b] = both();
    // Without an answer from each of the others it would wait for good.
    using _timers = new HeldTimers(ANSWER_MS, RENEW_MS);
    const c = await new Node(C, [a, b]).start(url);
    expect([a.knows(c), b.knows(c), c.knows(a), c.knows(b)]).toEqual([true, true, true, true]);
    expect(c.knownAtLooks.at(-1)).toBe(true);
    await until("the position of the oldest one", () => c.upTo.includes(40));
    await c.cluster.leave();
  });

  it("PG-13: nodes that begin at once know each other long before the next renewal", async () => {
    using timers = new HeldTimers(RENEW_MS);
    const [c, d] = [new Node(C, both()), new Node("d".repeat(16), both())];
    await Promise.all([c.start(url), d.start(url)]);
    await until("all to know all", () => [...both(), d].every((node) => node.knows(c)) && c.knows(d));
    expect(timers.waiting).toContain(RENEW_MS);
    await Promise.all([c.cluster.leave(), d.cluster.leave()]);
  });

  it("BUS-9: what a node commits is on its way to the others at once", async () => {
    const [a, b] = both();
    b.cluster.tell([{ ...EVENT, pos: 4 }, EVENT]);
    b.cluster.tell([]);
    await until("the position", () => a.upTo.includes(5));
    expect(a.upTo).not.toContain(4);
  });

  it("NODE-5: what is over everywhere waits for the others, and then no longer", async () => {
    const [a, b] = both();
    using _timers = new HeldTimers(ANSWER_MS);
    let isTold = false;
    const told = a.cluster.whenToldEverywhere(7).then(() => {
      isTold = true;
    });
    await until("the question", () => b.asked.length === 1);
    expect([b.asked[0]?.upTo, isTold]).toEqual([7, false]);
    b.asked[0]?.resolve();
    await told;
  });

  it("NODE-1, NODE-12: each lease says how far its node is, and what version of its people there is", async () => {
    const [a, b] = both();
    b.position = 30;
    await b.cluster.lease.look();
    await a.cluster.lease.look();
    expect(a.cluster.lease.position).toBe(30);
    expect(a.versions.at(-1)).toEqual([B, 9]);
    expect([a.cluster.lease.isOldest, b.cluster.lease.isOldest]).toEqual([true, false]);
  });

  it("NODE-9: a node says goodbye when its lease is gone, so that whoever hears it finds it gone", async () => {
    const [a, b] = both();
    using timers = new HeldTimers(RENEW_MS);
    const other = await openSession(url, "write");
    await other.run("begin");
    await other.run(`select node from nodes where node = '${A}' for update`);
    const left = a.cluster.leave();
    await until("a node that waits for the row", async () => {
      const { rows } = await other.run<{ count: number }>(
        "select count(*) as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows[0]?.count === 1;
    });
    await b.cluster.lease.look();
    // From here on only the goodbye has it look again.
    expect(timers.waiting).toContain(RENEW_MS);
    await other.run("commit");
    await left;
    await until("the goodbye", () => !b.knows(a));
    await other.close();
  });

  it("NODE-9: a node that leaves is gone for the others at once, and the next one is the oldest", async () => {
    const [a, b] = both();
    using timers = new HeldTimers(RENEW_MS);
    await b.cluster.lease.look();
    expect(timers.waiting).toContain(RENEW_MS);
    await a.cluster.leave();
    await until("the goodbye", () => !b.knows(a));
    expect(b.cluster.lease.isOldest).toBe(true);
    expect(a.cluster.busWorks).toBe(false);
  });
});

/** Three looks in vain, once a second; a slow machine takes longer. */
const NOTICED_MS = 30_000;

describe.skipIf(!hasPostgres || !hasRedis)("nodes on one database and one Redis", () => {
  test.each(["stalls", "is cut"])(
    "BUS-11: when the way of a node to Redis %s, the others use notifications once it has noticed that, and Redis alone once it is back",
    async (how) => {
      const url = await (await sharedPostgres()).freshDatabase(TABLES);
      const redis = await RedisServer.start();
      const line = new Line(redis.port);
      // Without the words of the other one a node looks at the leases up to 3 s later.
      using _timers = new HeldTimers(RENEW_MS);
      const a = await new Node(A, [], { redisUrl: redis.url() }).start(url);
      const b = await new Node(B, [a], { redisUrl: redis.url(line.port) }).start(url);
      try {
        let [said, heard] = [0, 0];
        b.cluster.place.bus.subscribe((message) => {
          if (message.channel === "live" && typeof message.data === "number") heard = message.data;
        });
        const hears = async () => {
          const before = said;
          await until("b to hear a", () => {
            a.cluster.place.bus.publish({ channel: "live", data: ++said });
            return heard > before;
          });
        };
        await hears();
        // Each has the others look when one of its buses begins to work, which is over by then.
        await delay(1000);
        const words: unknown[] = [];
        a.cluster.place.bus.subscribe((message) => void words.push(Object((message as { data?: unknown }).data).kind));
        if (how === "stalls") line.stall();
        else line.cut();
        await until("b to notice it", () => !b.cluster.busWorks, NOTICED_MS);
        // What is said before a has looked at the leases is lost.
        await hears();
        await until(
          "a to be told to look, and to see why",
          () => words.includes("look") && !a.cluster.lease.allHearBus,
        );
        line.heal();
        await until("a to know that b is back", () => a.cluster.lease.allHearBus, NOTICED_MS);
      } finally {
        await Promise.all([a.cluster.leave(), b.cluster.leave()]);
        await line.close();
        await redis.stop();
      }
    },
    90_000,
  );
});
