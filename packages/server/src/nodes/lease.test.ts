import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import type { LeaseNews, LeaseRow } from "../db/postgres/lease-rows.ts";
import { createLogger } from "../ops/logger.ts";
import { Lease } from "./lease.ts";
import { LivingNodes } from "./liveness.ts";

const LAPSED_MS = 10_000;

/** The leases of a database, by hand. */
class Rows {
  readonly rows = new Map<string, { number: number; renewedAt: number } & LeaseNews>();
  nowMs = 1_000_000;
  fails = false;
  held: Promise<void> | undefined;
  readonly ended: string[] = [];
  asked = 0;
  isClosed = false;

  add(node: string, number: number): void {
    this.rows.set(node, { number, renewedAt: this.nowMs, announced: 0, peopleVersion: 0, hearsBus: 1 });
  }

  async take(news: LeaseNews) {
    this.rows.set("self", { number: this.rows.size + 1, renewedAt: this.nowMs, ...news });
  }

  async renew(news: LeaseNews): Promise<LeaseRow[] | undefined> {
    this.asked += 1;
    const answer = this.#renewed(news);
    await this.held;
    if (this.fails) throw new Error("the database is away");
    return answer;
  }

  #renewed(news: LeaseNews): LeaseRow[] | undefined {
    const own = this.rows.get("self");
    if (!own || this.fails) return undefined;
    this.rows.set("self", { ...own, ...news, renewedAt: this.nowMs });
    return this.#all();
  }

  async end(lapsed: readonly LeaseRow[]): Promise<LeaseRow[]> {
    for (const { node, renewedAt } of lapsed) {
      if (this.rows.get(node)?.renewedAt !== renewedAt) continue;
      this.rows.delete(node);
      this.ended.push(node);
    }
    return this.#all();
  }

  async giveBack(node = "self") {
    if (this.fails) throw new Error("the database is away");
    this.rows.delete(node);
  }

  async close() {
    this.isClosed = true;
  }

  #all(): LeaseRow[] {
    return [...this.rows]
      .map(([node, row]) => ({ node, ...row, isLapsed: row.renewedAt < this.nowMs - LAPSED_MS ? 1 : 0 }) as const)
      .sort((a, b) => a.number - b.number);
  }
}

afterEach(() => void jest.useRealTimers());

let rows: Rows;
let living: LivingNodes;
let uptimeMs: number;
let gone: number;
let lease: Lease;
const logged: string[] = [];

beforeEach(async () => {
  jest.useFakeTimers();
  rows = new Rows();
  living = new LivingNodes();
  uptimeMs = 5000;
  gone = 0;
  logged.length = 0;
  const logger = createLogger({ level: "warn", sink: { write: (line) => void logged.push(line) } });
  const nameOf = (node: string) => (node === "other" ? "host:5" : undefined);
  lease = new Lease({ self: "self", rows, living, logger, onGone: () => gone++, nameOf, uptime: () => uptimeMs });
});

/** Lets time pass, here and in the database, with a look at the leases at the end of each step. */
async function pass(ms: number, { step = 3000, alive = [] as string[] } = {}): Promise<void> {
  for (let passed = 0; passed < ms; passed += step) {
    uptimeMs += step;
    rows.nowMs += step;
    for (const node of alive) {
      const row = rows.rows.get(node);
      if (row) rows.rows.set(node, { ...row, renewedAt: rows.nowMs - 1 });
    }
    await lease.look();
  }
}

/** Of whom the log has said that they count as dead. */
function dead(): unknown[] {
  const lines = logged.map((line) => JSON.parse(line)).filter(({ msg }) => msg.endsWith("counts as dead"));
  return lines.map(({ dead, name }) => [dead, name]);
}

async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

describe("a lease", () => {
  test("NODE-9: is renewed every 3 s, and again after a second when that failed", async () => {
    await lease.take();
    const own = () => rows.rows.get("self")?.renewedAt;
    rows.nowMs += 3000;
    jest.advanceTimersByTime(2999);
    await settle();
    expect(own()).toBe(1_000_000);
    jest.advanceTimersByTime(1);
    await settle();
    expect(own()).toBe(1_003_000);
    rows.fails = true;
    await lease.look();
    await lease.look();
    rows.fails = false;
    rows.nowMs += 1000;
    jest.advanceTimersByTime(999);
    await settle();
    expect(own()).toBe(1_003_000);
    jest.advanceTimersByTime(1);
    await settle();
    expect(own()).toBe(1_004_000);
    expect(logged).toHaveLength(1);
    const { problem, msg, err } = JSON.parse(logged[0] ?? "{}");
    expect([problem, msg, err]).toEqual([
      "the database is away",
      "the lease of this node could not be renewed",
      undefined,
    ]);
  });

  test("NODE-9: of another node that is not renewed is ended once it is 10 s old", async () => {
    await lease.take();
    await pass(15_000);
    rows.add("other", 2);
    await pass(9000);
    expect([...living.others()]).toEqual(["other"]);
    await pass(3000);
    expect([...living.others()]).toEqual([]);
    expect(rows.ended).toEqual(["other"]);
    expect(dead()).toEqual([["other", "host:5"]]);
  });

  test("NODE-9: of another node that was ended by a third one was not renewed, and the log says so here too", async () => {
    rows.add("other", 1);
    rows.add("third", 2);
    await lease.take();
    await pass(9000, { alive: ["third"] });
    rows.rows.delete("other");
    await pass(3000, { alive: ["third"] });
    expect(dead()).toEqual([["other", "host:5"]]);
    // One that ends in order has renewed its lease until then.
    rows.rows.delete("third");
    await pass(3000);
    expect([...living.others()]).toEqual([]);
    expect(dead()).toHaveLength(1);
  });

  test("NODE-10: that was given back while this node could not look is not said to be dead", async () => {
    rows.add("other", 1);
    rows.add("third", 2);
    await lease.take();
    await pass(15_000, { alive: ["other", "third"] });
    rows.fails = true;
    await pass(9000);
    rows.fails = false;
    rows.rows.delete("other");
    await pass(3000);
    // Nor if this node stood still.
    uptimeMs += 20_000;
    rows.nowMs += 20_000;
    rows.rows.delete("third");
    await lease.look();
    expect([[...living.others()], dead()]).toEqual([[], []]);
  });

  test("NODE-9: that is renewed is never ended", async () => {
    rows.add("other", 1);
    await lease.take();
    await pass(60_000, { alive: ["other"] });
    expect([...living.others()]).toEqual(["other"]);
  });

  test("NODE-10: is not ended by a node that has not renewed its own for 15 s since the database was away", async () => {
    rows.add("other", 1);
    await lease.take();
    await pass(12_000);
    expect(rows.ended).toEqual([]);
    rows.fails = true;
    await pass(3000);
    rows.fails = false;
    await pass(3000);
    await pass(12_000);
    expect(rows.ended).toEqual([]);
    await pass(3000);
    expect(rows.ended).toEqual(["other"]);
  });

  test("NODE-10: is not ended by a node that was frozen itself", async () => {
    await lease.take();
    await pass(18_000);
    rows.add("other", 2);
    await lease.look();
    uptimeMs += 20_000;
    rows.nowMs += 20_000;
    await lease.look();
    expect(rows.ended).toEqual([]);
    await pass(12_000);
    expect(rows.ended).toEqual([]);
    await pass(3000);
    expect(rows.ended).toEqual(["other"]);
  });

  test("NODE-10: outlives a jump of the database's clock", async () => {
    rows.add("other", 1);
    await lease.take();
    await pass(30_000, { alive: ["other"] });
    rows.nowMs += 3_600_000;
    await lease.look();
    expect(rows.ended).toEqual([]);
    await pass(30_000, { alive: ["other"] });
    expect([...living.others()]).toEqual(["other"]);
  });

  test("NODE-11: that is gone is told once, and nothing that others wrote is handed on any more", async () => {
    await lease.take();
    expect(lease.mayHandOn()).toBe(true);
    rows.rows.delete("self");
    await lease.look();
    await lease.look();
    expect(gone).toBe(1);
    expect(lease.mayHandOn()).toBe(false);
    const { asked } = rows;
    jest.advanceTimersByTime(10_000);
    await settle();
    expect(rows.asked).toBe(asked);
  });

  test("NODE-11: that is gone ends what is handed on before anybody else hears of it, also if that begins later", async () => {
    const told: string[] = [];
    lease.whenGone(() => told.push(`first ${gone}`));
    await lease.take();
    rows.rows.delete("self");
    await lease.look();
    lease.whenGone(() => told.push(`later ${gone}`));
    expect(told).toEqual(["first 0", "later 1"]);
  });

  test("NODE-11: after a freeze the database is asked before anything is handed on", async () => {
    await lease.take();
    uptimeMs += 9999;
    expect(lease.mayHandOn()).toBe(true);
    uptimeMs += 1;
    expect(await lease.mayHandOn()).toBe(true);
    expect(lease.mayHandOn()).toBe(true);
    uptimeMs += 12_000;
    rows.rows.delete("self");
    expect(await lease.mayHandOn()).toBe(false);
  });

  test("NODE-11: an answer of the database from before a freeze proves nothing after it", async () => {
    await lease.take();
    const { promise, resolve } = Promise.withResolvers<void>();
    rows.held = promise;
    const looked = lease.look();
    uptimeMs += 20_000;
    resolve();
    await looked;
    rows.rows.delete("self");
    expect(await lease.mayHandOn()).toBe(false);
  });

  test("NODE-11: without the database what others write is handed on", async () => {
    await lease.take();
    rows.fails = true;
    uptimeMs += 12_000;
    expect(await lease.mayHandOn()).toBe(true);
    expect(lease.mayHandOn()).toBe(true);
    expect(gone).toBe(0);
  });

  test("NODE-11: a database that does not answer holds nothing up for longer than a second", async () => {
    await lease.take();
    rows.held = new Promise(() => {});
    uptimeMs += 12_000;
    const may = lease.mayHandOn();
    jest.advanceTimersByTime(1000);
    expect(await may).toBe(true);
  });

  test("NODE-12: the oldest node is told so, once, and a younger one when those before it have ended", async () => {
    let oldest = 0;
    rows.add("other", 1);
    await lease.take();
    lease.onOldest(() => oldest++);
    await pass(6000, { alive: ["other"] });
    expect([lease.isOldest, oldest]).toEqual([false, 0]);
    rows.rows.delete("other");
    await pass(6000);
    expect([lease.isOldest, oldest]).toEqual([true, 1]);
    lease.onOldest(() => oldest++);
    expect(oldest).toBe(2);
  });

  test("BUS-11: of another node says whether it hears by Redis", async () => {
    rows.add("other", 1);
    await lease.take();
    const says = async (hearsBus: 0 | 1 | 2) => {
      const row = rows.rows.get("other");
      if (row) rows.rows.set("other", { ...row, hearsBus });
      await lease.look();
      return lease.allHearBus;
    };
    expect([await says(0), await says(1), await says(2)]).toEqual([false, true, false]);
  });

  test("NODE-12: retention keeps to the node that has announced least", async () => {
    rows.add("other", 1);
    lease.tell(() => ({ announced: 70, peopleVersion: 3, hearsBus: 1 }));
    await lease.take();
    expect(lease.position).toBe(0);
    const row = rows.rows.get("other");
    if (row) rows.rows.set("other", { ...row, announced: 80 });
    await lease.look();
    expect(lease.position).toBe(70);
  });

  test("NODE-9: is looked at once more for those who ask while a look is under way", async () => {
    await lease.take();
    const { promise, resolve } = Promise.withResolvers<void>();
    rows.held = promise;
    const first = lease.look();
    rows.add("other", 2);
    const second = lease.look();
    rows.held = undefined;
    resolve();
    await Promise.all([first, second]);
    expect([...living.others()]).toEqual(["other"]);
  });

  test("NODE-3: tells of the version of another node's people, and is given back at the end", async () => {
    rows.add("other", 1);
    const versions: unknown[] = [];
    lease.onVersion((node, version) => versions.push([node, version]));
    await lease.take();
    expect(versions).toEqual([["other", 0]]);
    await lease.endOf("other");
    expect([...living.others()]).toEqual([]);
    await lease.giveBack();
    expect([...rows.rows.keys()]).toEqual([]);
  });

  test("NODE-9: that was given back is not looked at any more, and nothing is asked on its closed connection", async () => {
    await lease.take();
    rows.add("other", 2);
    await lease.look();
    await lease.giveBack();
    expect([rows.isClosed, jest.getTimerCount()]).toEqual([true, 0]);
    const { asked } = rows;
    jest.advanceTimersByTime(10_000);
    await Promise.all([lease.look(), lease.endOf("other")]);
    expect([rows.asked, gone]).toEqual([asked, 0]);
    expect([...rows.rows.keys()]).toEqual(["other"]);
  });

  test("NODE-9: is given back once a look that is under way has ended, which declares nobody dead any more", async () => {
    await lease.take();
    const { promise, resolve } = Promise.withResolvers<void>();
    rows.held = promise;
    rows.rows.delete("self");
    const looked = lease.look();
    const given = lease.giveBack();
    await settle();
    expect(rows.isClosed).toBe(false);
    resolve();
    await Promise.all([looked, given]);
    expect([rows.isClosed, gone]).toEqual([true, 0]);
  });

  test("NODE-9: that cannot be given back lapses, and nothing fails because of it", async () => {
    rows.add("other", 1);
    await lease.take();
    rows.fails = true;
    await lease.endOf("other");
    await lease.giveBack();
    expect(rows.isClosed).toBe(true);
  });
});
