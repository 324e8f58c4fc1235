import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { until } from "../../../test/postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "../../../test/postgres-server.ts";
import { TABLES } from "../../../test/test-database.ts";
import type { PostgresConnection } from "./connection.ts";
import { type LeaseNews, type LeaseRow, LeaseRows } from "./lease-rows.ts";
import { openSession } from "./session.ts";
import { PostgresWriter } from "./writer.ts";

const [A, B, C] = ["a".repeat(16), "b".repeat(16), "c".repeat(16)];
const NEWS: LeaseNews = { announced: 0, peopleVersion: 0, hearsBus: 1 };

describe.skipIf(!hasPostgres)("leases in PostgreSQL", () => {
  let url: string;
  let direct: PostgresConnection;
  let [a, b, c]: LeaseRows[] = [];
  const all = () => [a, b, c] as [LeaseRows, LeaseRows, LeaseRows];
  beforeAll(async () => {
    url = await (await sharedPostgres()).keptDatabase(TABLES);
    direct = await openSession(url, "write");
    [a, b, c] = [A, B, C].map((node) => new LeaseRows({ url }, node));
  }, 60_000);
  afterAll(async () => {
    await Promise.all([...all().map((rows) => rows.close()), direct.close()]);
    await (await sharedPostgres()).drop(url);
  });
  beforeEach(() => direct.run("delete from nodes"));
  const inOrder = async (node: LeaseRows) => (await node.renew(NEWS))?.map(({ node }) => node);
  /** As if a node had not renewed its lease for so long. */
  const age = (node: string, ms: number) =>
    direct.run(`update nodes set renewed_at = floor(extract(epoch from clock_timestamp()) * 1000)::bigint - ${ms}
      where node = '${node}'`);

  test("NODE-9: each node reads the leases of all, in the order in which they were taken, with what each says", async () => {
    const [a, b] = all();
    await b.take({ announced: 3, peopleVersion: 4, hearsBus: 1 });
    await a.take({ announced: 5, peopleVersion: 6, hearsBus: 1 });
    const rows = (await b.renew({ announced: 7, peopleVersion: 8, hearsBus: 0 })) as LeaseRow[];
    expect(rows).toEqual([
      expect.objectContaining({ node: B, announced: 7, peopleVersion: 8, hearsBus: 0, isLapsed: 0 }),
      expect.objectContaining({ node: A, announced: 5, peopleVersion: 6, hearsBus: 1, isLapsed: 0 }),
    ]);
    for (const { renewedAt } of rows) expect(Math.abs(renewedAt - Date.now())).toBeLessThan(60_000);
  });

  test("NODE-12: a new node is younger than all that live, also when one before them has ended", async () => {
    const [a, b, c] = all();
    await a.take(NEWS);
    await b.take(NEWS);
    await a.giveBack();
    await c.take(NEWS);
    await a.take(NEWS);
    expect(await inOrder(c)).toEqual([B, C, A]);
  });

  test("NODE-12: nodes that begin at once get numbers one after another, whoever holds the log's lock", async () => {
    await direct.run("begin");
    await direct.run("select from log where id = 1 for update");
    let taken = 0;
    const takes = all().map((rows) => rows.take(NEWS).then(() => void taken++));
    await until("three nodes that wait", async () => {
      const { rows } = await direct.run<{ count: number }>(
        "select count(*) as count from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'",
      );
      return rows[0]?.count === 3;
    });
    expect(taken).toBe(0);
    await direct.run("commit");
    await Promise.all(takes);
    const rows = (await all()[0].renew(NEWS)) as LeaseRow[];
    expect(new Set(rows.map(({ number }) => number)).size).toBe(3);
  });

  test("NODE-9: a lease lapses when it was not renewed for 10 s, and not before", async () => {
    const [a, b] = all();
    await a.take(NEWS);
    await b.take(NEWS);
    const isLapsed = async () => (await a.renew(NEWS))?.find(({ node }) => node === B)?.isLapsed;
    const ageOf = async (node: string) => {
      const { rows } = await direct.run<{ ms: number }>(
        `select floor(extract(epoch from clock_timestamp()) * 1000)::bigint - renewed_at as ms from nodes where node = '${node}'`,
      );
      return rows[0]?.ms as number;
    };
    let isYoung: unknown;
    // Again where the machine took so long that the lease was old enough when it was looked at, or a moment later.
    await until("a look at a lease that is nearly old enough", async () => {
      await age(B, 9000);
      isYoung = await isLapsed();
      return (await ageOf(B)) < 10_000;
    });
    expect(isYoung).toBe(0);
    await age(B, 10_001);
    expect(await isLapsed()).toBe(1);
    await b.renew(NEWS);
    expect(await isLapsed()).toBe(0);
  });

  test("NODE-9: a lapsed lease is ended unless it was renewed meanwhile", async () => {
    const [a, b, c] = all();
    for (const rows of [a, b, c]) await rows.take(NEWS);
    await age(B, 20_000);
    await age(C, 20_000);
    const seen = (await a.renew(NEWS)) as LeaseRow[];
    await b.renew(NEWS);
    const left = await a.end(seen.filter(({ isLapsed }) => isLapsed === 1));
    expect(left.map(({ node }) => node)).toEqual([A, B]);
    expect(await c.renew(NEWS)).toBeUndefined();
  });

  test("NODE-10: where the clock of the database was set back, a living node's lease follows it, and that of a dead one has lapsed", async () => {
    const [a, b] = all();
    for (const rows of [a, b]) await rows.take(NEWS);
    for (const node of [A, B]) await age(node, -60_000);
    const [own, other] = (await a.renew(NEWS)) as LeaseRow[];
    expect([own?.isLapsed, other?.isLapsed]).toEqual([0, 1]);
    expect(Math.abs((own?.renewedAt ?? 0) - Date.now())).toBeLessThan(30_000);
  });

  test("NODE-9: a lease is given back by its node, or for another one that has ended", async () => {
    const [a, b, c] = all();
    for (const rows of [a, b, c]) await rows.take(NEWS);
    await a.giveBack(B);
    await c.giveBack();
    expect(await inOrder(a)).toEqual([A]);
  });

  test("NODE-9: a connection that is lost is replaced", async () => {
    const [a] = all();
    await a.take(NEWS);
    await direct.run(`select pg_terminate_backend(pid, 10000) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()`);
    await a.renew(NEWS).catch(() => {});
    expect(await inOrder(a)).toEqual([A]);
  });

  test("NODE-9: a lease that cannot be taken leaves no transaction behind, and a closed one no connection", async () => {
    const [a] = all();
    await a.take(NEWS);
    await expect(a.take(NEWS)).rejects.toThrow("duplicate key");
    expect(await inOrder(a)).toEqual([A]);
    await Promise.all(all().map((rows) => rows.close()));
    await until("no connection but one", async () => {
      const { rows } = await direct.run<{ count: number }>(
        "select count(*) as count from pg_stat_activity where datname = current_database()",
      );
      return rows[0]?.count === 1;
    });
  });

  test("NODE-11: a node without a lease writes nothing", async () => {
    const [a] = all();
    await a.take(NEWS);
    const writer = new PostgresWriter({ url, node: A });
    const write = () => writer.transaction(async () => "written");
    expect(await write()).toBe("written");
    await direct.run("delete from nodes");
    await expect(write()).rejects.toThrow("This node counts as dead there");
    // The log's lock is free again.
    await a.take(NEWS);
    expect(await write()).toBe("written");
    await writer.close();
  });
});
