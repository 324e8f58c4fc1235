/** The time of what nodes write to one PostgreSQL: the database's own, in the order of commits, whatever the clocks of its machine and of the nodes do. */
import { beforeAll, describe, expect, setDefaultTimeout, setSystemTime, test } from "bun:test";
import { type DatabasePlace, openWritingConnection } from "../src/db/open.ts";
import type { WriteTransaction } from "../src/db/transaction.ts";
import type { WritingConnection } from "../src/db/writing-connection.ts";
import { append } from "../src/event-log/event-log.ts";
import { endLater } from "./left-running.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { openRaw, type RawDatabase, TABLES } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

const HOUR = 3_600_000;
const CLOCK = "floor(extract(epoch from clock_timestamp()) * 1000)::bigint";

/** A database and somebody beside its nodes. */
async function scene() {
  const url = await (await sharedPostgres()).freshDatabase(TABLES);
  const place = { url };
  const raw = await openRaw(place);
  endLater(() => raw.close());
  return { place, raw, node: () => nodeAt(place) };
}

/** As a server has it: with no clock of its own. */
function nodeAt(place: DatabasePlace): WritingConnection {
  const node = openWritingConnection(place);
  endLater(() => node.close());
  return node;
}

interface Times {
  now: number;
  clockNow: number;
}
const timesOf = ({ now, clockNow }: WriteTransaction): Times => ({ now, clockNow });

/** A batch that logs nothing. */
const look = (node: WritingConnection) => node.transaction(async (tx) => timesOf(tx));

/** One that logs an event. */
const note = (node: WritingConnection) =>
  node.transaction(async (tx) => {
    await append(tx, [{ stream: "room:1", type: 4, data: () => "{}" }]);
    return timesOf(tx);
  });

async function clockOf(raw: RawDatabase): Promise<number> {
  const [row] = await raw.rows<{ now: number }>(`select ${CLOCK} as now`);
  return (row as { now: number }).now;
}

describe.skipIf(!hasPostgres)("the time of a batch", () => {
  beforeAll(async () => void (await scene()), 60_000);

  test("LOG-10: is the database's; that of the machine that asks plays no part", async () => {
    const { raw, node } = await scene();
    const began = await clockOf(raw);
    setSystemTime(new Date(Date.now() + 24 * HOUR));
    try {
      const { now, clockNow } = await note(node());
      expect(now).toBe(clockNow);
      expect(now).toBeWithin(began, (await clockOf(raw)) + 1);
    } finally {
      setSystemTime();
    }
    expect(await raw.rows("select at from events")).toEqual(await raw.rows("select at from log"));
  });

  test("LOG-10: is read when it has the lock, not when it begins to wait for it", async () => {
    const { raw, node } = await scene();
    const own = node();
    await look(own);
    await raw.rows("begin");
    await raw.rows("select pos from log for update");
    const waiting = look(own);
    await until("it waits", async () => {
      const waiting = "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()";
      return (await raw.rows(waiting)).length === 1;
    });
    const asked = await clockOf(raw);
    await until("some time has passed", async () => (await clockOf(raw)) > asked + 50);
    const held = await clockOf(raw);
    await raw.rows("commit");
    const { now, clockNow } = await waiting;
    expect(clockNow).toBeGreaterThanOrEqual(held);
    expect(now).toBe(clockNow);
  });

  test("LOG-10: while the log is ahead, it goes on at half the clock's pace over all nodes, whatever each of them logs", async () => {
    const { raw, node } = await scene();
    const nodes = [node(), node()] as const;
    const ahead = (await clockOf(raw)) + HOUR;
    await raw.rows("update log set at = ?", ahead);
    const first = await look(nodes[0]);
    expect(first.now).toBe(ahead);
    const all = [first];
    await until("some time has passed", async () => {
      const n = all.length;
      all.push(await (n % 3 === 0 ? look : note)(nodes[n % 2] as WritingConnection));
      return n > 9 && (all.at(-1) as Times).clockNow > first.clockNow + 200;
    });
    for (const { now, clockNow } of all) expect(now).toBe(ahead + Math.floor((clockNow - first.clockNow) / 2));
    const events = await raw.rows<{ at: number }>("select at from events order by pos");
    expect(events.length).toBeGreaterThan(1);
    expect(await raw.rows("select at from log")).toEqual(events.slice(-1));
  });

  test("LOG-10: the clock catches up with a log that was ahead, and from then on the time is the clock's", async () => {
    const { raw, node } = await scene();
    const own = node();
    await note(own);
    await raw.rows(`update log set at = ${CLOCK} + 100`);
    let latest = 0;
    await until("the clock has caught up", async () => {
      const { now, clockNow } = await note(own);
      expect(now).toBeGreaterThanOrEqual(latest);
      latest = now;
      return now === clockNow;
    });
    const { now, clockNow } = await note(own);
    expect(now).toBe(clockNow);
    expect(now).toBeGreaterThanOrEqual(latest);
  });

  test("LOG-10: a batch that fails leaves the pace as it was", async () => {
    const { raw, node } = await scene();
    const own = node();
    await look(own);
    await raw.rows(`update log set at = ${CLOCK} + ${HOUR}`);
    const failed = own.transaction(async (tx) => {
      await append(tx, [{ stream: "room:1", type: 4, data: () => "{}" }]);
      throw new Error("no");
    });
    await expect(failed).rejects.toThrow("no");
    expect(await raw.rows("select pos, caught_up_at from log")).toEqual([{ pos: 0, caught_up_at: null }]);
  });
});
