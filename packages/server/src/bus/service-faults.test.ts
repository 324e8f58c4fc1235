import { describe, expect, test } from "bun:test";
import { Line } from "../../test/line.ts";
import { hasPostgres, PostgresServer } from "../../test/postgres-server.ts";
import { hasRedis, RedisServer } from "../../test/redis-server.ts";
import { until } from "../../test/webhook-receiver.ts";
import { delay, nextTurn, withDeadline } from "../lib/interval.ts";
import { createLogger } from "../ops/logger.ts";
import { batch, Ear, live, working } from "./bus.contract.ts";
import type { NetworkBus } from "./network-bus.ts";
import { openPostgresBus } from "./postgres-bus.ts";
import { openRedisBus } from "./redis-bus.ts";

/** What can happen to a real service, whichever it is. */
interface Subject {
  readonly name: string;
  readonly isMissing: boolean;
  start(): Promise<PostgresServer | RedisServer>;
  open(server: PostgresServer | RedisServer, port: number, node: string): ReturnType<typeof openRedisBus>;
}

const logger = createLogger({ level: "silent", sink: { write: () => {} } });

const SUBJECTS: readonly Subject[] = [
  {
    name: "PostgreSQL NOTIFY",
    isMissing: !hasPostgres,
    start: () => PostgresServer.start(),
    open: (server, port, node) => {
      const url = new URL(server.url());
      url.port = String(port);
      return openPostgresBus({ node, url: url.href, logger });
    },
  },
  {
    name: "Redis",
    isMissing: !hasRedis,
    start: () => RedisServer.start(),
    open: (server, port, node) => {
      const url = new URL((server as RedisServer).url());
      url.port = String(port);
      return openRedisBus({ node, url: url.href, installation: "one", logger });
    },
  },
];

for (const subject of SUBJECTS) {
  describe.skipIf(subject.isMissing)(`faults: ${subject.name}`, () => {
    test("BUS-5 killed and started again: everybody is told, and hears again", async () => {
      const server = await subject.start();
      const [a, b] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      await working(a, b);
      for (let times = 2; times <= 3; times++) {
        await server.kill();
        await until("nobody's bus works", () => !a.bus.works && !b.bus.works);
        await server.startAgain();
        await working(a, b);
        expect([a.restored, b.restored]).toEqual([times, times]);
        await Promise.all([a.flushTo(b), b.flushTo(a)]);
      }
      await closed(a, b);
    }, 60_000);

    test("BUS-5 a service that starts after the nodes: they publish without harm, and are told when it works", async () => {
      const server = await subject.start();
      await server.kill();
      const [a, b] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      a.bus.publish(live("early"));
      await delay(300);
      expect([a.bus.works, a.restored]).toEqual([false, 0]);
      await server.startAgain();
      await working(a, b);
      expect([a.restored, b.restored]).toEqual([1, 1]);
      await a.flushTo(b);
      expect(b.live).not.toContain("early");
      await closed(a, b);
    }, 60_000);

    test("BUS-5 a line that stalls is noticed though its connections stay open; in the meantime publishing costs no time and bounded memory", async () => {
      const server = await subject.start();
      const line = new Line(server.port);
      const a = new Ear({ open: (node) => subject.open(server, line.port, node) });
      const [b, c] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      await working(a, b, c);
      line.stall();
      const before = usedAfterCollecting();
      const text = "x".repeat(10_000);
      const publishMuch = () => {
        for (let n = 0; n < 200; n++) a.bus.publish(live({ text }));
      };
      // 200 MB, before it is noticed.
      for (let turn = 0; turn < 100; turn++) {
        publishMuch();
        await nextTurn();
      }
      expect(usedAfterCollecting() - before).toBeLessThan(50_000_000);
      while (a.bus.works) {
        publishMuch();
        await delay(10);
      }
      await b.flushTo(c);
      expect([b.bus.works, b.restored]).toEqual([true, 1]);
      line.heal();
      await working(a);
      expect(a.restored).toBe(2);
      await Promise.all([a.flushTo(b), b.flushTo(a)]);
      await closed(a, b, c);
    }, 60_000);

    test("BUS-5 a service that stands still is away, and its connections count for nothing", async () => {
      const server = await subject.start();
      const [a, b] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      await working(a, b);
      server.freeze();
      await until("nobody's bus works", () => !a.bus.works && !b.bus.works);
      server.resume();
      await working(a, b);
      await Promise.all([a.flushTo(b), b.flushTo(a)]);
      await closed(a, b);
    }, 60_000);

    test("BUS-3 a node that reads slowly does not slow down the others", async () => {
      const server = await subject.start();
      const line = new Line(server.port);
      const [a, b] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      const slow = new Ear({ open: (node) => subject.open(server, line.port, node) });
      await working(a, b, slow);
      line.stall();
      const text = "x".repeat(5000);
      for (let n = 0; n < 200; n++) {
        a.bus.publish(live({ n, text }));
        await until("the quick one hears it", () => (b.live.at(-1) as { n?: number })?.n === n);
        // It is given up after some seconds, and the first message does not wait for that.
        if (n === 0) expect(slow.bus.works).toBe(true);
      }
      expect([a.restored, b.restored]).toEqual([1, 1]);
      line.heal();
      await working(slow);
      await a.flushTo(slow);
      await closed(a, b, slow);
    }, 60_000);

    test("BUS-3 thirty megabytes pass without a loss and without a pause, and the bus works on", async () => {
      const server = await subject.start();
      const [a, b] = ears(2, (node) => subject.open(server, server.port, node)) as [Ear, Ear];
      await working(a, b);
      const text = "x".repeat(10_000);
      const numbers: number[] = [];
      b.bus.subscribe((message) => {
        const { n } = Object((message as { data: unknown }).data) as { n?: number };
        if (n !== undefined) numbers.push(n);
      });
      const count = 3000;
      const begun = performance.now();
      for (let sent = 0; sent < count; ) {
        // Ten megabytes a second where the service is as fast as that, and never more on its way than the bus keeps.
        const due = Math.min(count, numbers.length + 300, performance.now() - begun);
        for (; sent < due; sent++) a.bus.publish(live({ n: sent, text }));
        await delay(5);
      }
      await a.flushTo(b);
      expect(numbers).toEqual(Array.from({ length: count }, (_, n) => n));
      expect([a.restored, b.restored, a.bus.works, b.bus.works]).toEqual([1, 1, true, true]);
      await closed(a, b);
    }, 60_000);

    test("BUS-4 it ends at once, whatever state its connections are in", async () => {
      const server = await subject.start();
      const line = new Line(server.port);
      const open = () => new Ear({ open: (node) => subject.open(server, line.port, node) });
      // Sooner than a service that does not answer is given up.
      const inTime = async (ear: Ear) => {
        ear.bus.publish(batch(1, 3));
        await withDeadline(ear.bus.close(), 4000, "it did not end");
      };
      await inTime(open());
      const connected = open();
      await working(connected);
      line.stall();
      await Promise.all([inTime(connected), inTime(open())]);
      line.cut();
      const waiting = open();
      const { problem } = waiting.bus as NetworkBus;
      await until("it has tried in vain", () => (waiting.bus as NetworkBus).problem !== problem);
      await inTime(waiting);
      // What was on its way when it ended has failed by then.
      await delay(200);
      for (let turn = 0; turn < 5; turn++) await nextTurn();
      line.heal();
      const before = line.connections;
      await delay(300);
      expect(line.connections).toBe(before);
    }, 60_000);
  });
}

function usedAfterCollecting(): number {
  Bun.gc(true);
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

function ears(count: number, open: (node: string) => ReturnType<typeof openRedisBus>): Ear[] {
  return Array.from({ length: count }, () => new Ear({ open }));
}

async function closed(...ears: Ear[]): Promise<void> {
  await Promise.all(ears.map(({ bus }) => bus.close()));
}
