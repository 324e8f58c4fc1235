/** Two versions beside each other on one database: the newer one migrates while the older one serves. */
import { describe, expect, test } from "bun:test";
import { Client } from "pg";
import { uptimeMs } from "../src/lib/uptime.ts";
import { ApiClient } from "./api-client.ts";
import { type Person, signUp } from "./harness.ts";
import { historyOf } from "./history.ts";
import { type SendOutcome, sendAll } from "./load.ts";
import { until } from "./postgres-rig.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { ServerProcess } from "./server-process.ts";
import { TABLES, withRaw } from "./test-database.ts";

const NEXT = { entry: new URL("./next-version.ts", import.meta.url).pathname };
/** How many sends are answered before each step and after the last one, so that each is in the middle of the load. */
const ANSWERS = 150;
const SENDERS = 8;
/** A line of the log. */
const NEWER =
  '"newer":["9999-next-things"],"msg":"a newer version has updated the database; this version can still use it"';

const at = (person: Person, server: ServerProcess): Person => ({
  ...person,
  api: new ApiClient(server.url, person.token),
});

/** Sends without pause, until `stop`. */
class Load {
  readonly outcomes: SendOutcome[] = [];
  /** The longest time in which nobody got an answer, since it was set to 0. */
  longestGapMs = 0;
  #lastMs = uptimeMs();
  #isOver = false;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  readonly #ended: Promise<unknown>;

  constructor(person: Person, roomId: number, label: string) {
    const senders = Array<Person>(SENDERS).fill(person);
    const onAnswer = (outcome: SendOutcome) => {
      this.outcomes.push(outcome);
      this.longestGapMs = Math.max(this.longestGapMs, uptimeMs() - this.#lastMs);
      this.#lastMs = uptimeMs();
      for (const { count, resolve } of this.#waiting) if (this.outcomes.length >= count) resolve();
    };
    this.#ended = sendAll({ senders, roomId, count: 1e6, label, onAnswer, while: () => !this.#isOver });
  }

  /** Resolves after so many more answers. */
  more(answers = ANSWERS): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ count: this.outcomes.length + answers, resolve });
    return promise;
  }

  async stop(): Promise<SendOutcome[]> {
    this.#isOver = true;
    await this.#ended;
    return this.outcomes;
  }
}

const statusesOf = (outcomes: readonly SendOutcome[]) => [...new Set(outcomes.map(({ status }) => status))];

describe.skipIf(!hasPostgres)("the version before", () => {
  test("PG-10: it goes on under load while the next one migrates, and starts again beside it", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const before = new ServerProcess({ DATABASE_URL: url, LOG_LEVEL: "warn" });
    const next = new ServerProcess({ DATABASE_URL: url }, NEXT);
    await before.start();
    expect(before.before).not.toContain(NEWER);
    const ann = await signUp(before.url, "ann");
    const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] });

    const old = new Load(ann, roomId, "old");
    await old.more();
    await next.start();
    const newer = new Load(at(ann, next), roomId, "newer");
    await Promise.all([old.more(), newer.more()]);
    const outcomes = await old.stop();
    expect(await before.stop()).toBe(0);
    await before.start();
    expect(before.before).toContain(NEWER);
    const again = new Load(at(ann, before), roomId, "again");
    await Promise.all([again.more(), newer.more()]);
    outcomes.push(...(await again.stop()), ...(await newer.stop()));

    expect(statusesOf(outcomes)).toEqual([201]);
    const sent = outcomes.map(({ clientId }) => clientId).toSorted();
    for (const server of [before, next]) {
      const history = await historyOf(at(ann, server), roomId);
      expect(history.map(({ message }) => message.clientId).toSorted()).toEqual(sent);
    }
    const columns = await withRaw({ url }, ({ rows }) =>
      rows<{ next_count: number }>("select distinct next_count from messages"),
    );
    expect(columns).toEqual([{ next_count: 0 }]);
    await Promise.all([before.remove(), next.remove()]);
  }, 60_000);

  test("PG-10: while a table is held, as pg_dump holds them all, a migration keeps nobody waiting, and is done when it is free", async () => {
    const url = await (await sharedPostgres()).freshDatabase(TABLES);
    const before = new ServerProcess({ DATABASE_URL: url });
    await before.start();
    const ann = await signUp(before.url, "ann");
    const { id: roomId } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds: [] });
    const dump = new Client({ connectionString: url });
    // The database is dropped under it if the test fails.
    dump.on("error", () => {});
    await dump.connect();
    await dump.query("begin");
    await dump.query("lock table users, rooms, messages in access share mode");

    const next = new ServerProcess({ DATABASE_URL: url }, NEXT);
    let isReady = false;
    const ready = next.start().then(() => {
      isReady = true;
    });
    const load = new Load(ann, roomId, "m");
    const gaps: number[] = [];
    // Each try waits for a table, gives up after half a second, and leaves the others their turn.
    for (let tries = 0; tries < 3; tries++) {
      load.longestGapMs = 0;
      await until("the migration waits for a table", async () => {
        const waiting =
          "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database() and query like 'alter table%'";
        return (await withRaw({ url }, ({ rows }) => rows(waiting))).length > 0;
      });
      // At least one of these begins after that.
      await load.more(SENDERS + 1);
      gaps.push(load.longestGapMs);
    }
    expect(isReady).toBe(false);
    await dump.query("commit");
    await ready;
    expect(statusesOf(await load.stop())).toEqual([201]);
    // If the machine stands still for a while, it does not do so in each of them.
    expect(Math.min(...gaps)).toBeLessThan(2500);
    await dump.end();
    await Promise.all([before.remove(), next.remove()]);
  }, 60_000);
});
