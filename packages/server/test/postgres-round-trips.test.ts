/** How often a batch goes to PostgreSQL and back, counted on its connection: all nodes wait for the log's lock meanwhile. */
import { beforeEach, describe, expect, setDefaultTimeout, test } from "bun:test";
import { DatabaseRunner } from "../src/db/database-runner.ts";
import { openWritingConnection } from "../src/db/open.ts";
import { single } from "../src/db/procedures.ts";
import { ofServer } from "../src/db/share.ts";
import { sent, type WriteTransaction } from "../src/db/transaction.ts";
import { GroupWriter } from "../src/db/writer.ts";
import { CountedTrips } from "./counted-trips.ts";
import { endLater } from "./left-running.ts";
import { hasPostgres, sharedPostgres } from "./postgres-server.ts";
import { TABLES, withRaw } from "./test-database.ts";

/** A deadline, for slow machines and for the start of PostgreSQL, which the first test may have to wait for. */
setDefaultTimeout(30_000);

/** Looks something up as many times as `key` begins with, one after another, and stores something without waiting for it. */
async function keep(tx: WriteTransaction, key: string): Promise<string> {
  const lookups = Number(key[0]);
  for (let n = 0; n < lookups; n++) await tx.db.selectFrom("meta").select("value").where("key", "=", key).execute();
  sent(tx, tx.db.insertInto("meta").values({ key, value: "kept" }).execute());
  return key;
}
/** The same, and waits for that too. */
async function keepNow(tx: WriteTransaction, key: string): Promise<string> {
  await keep(tx, key);
  await Promise.all(tx.unanswered);
  return key;
}
async function failing(tx: WriteTransaction, key: string): Promise<string> {
  await keep(tx, key);
  throw new Error(`no ${key}`);
}
/** What it stores is refused by the database, which nobody has waited for. */
async function failingLate(tx: WriteTransaction, key: string): Promise<string> {
  await keep(tx, key);
  sent(tx, tx.db.insertInto("meta").values({ key, value: "twice" }).execute());
  return key;
}
const table = {
  keep: single(keep, ofServer()),
  keepNow: single(keepNow, ofServer()),
  failing: single(failing, ofServer()),
  failingLate: single(failingLate, ofServer()),
};

describe.skipIf(!hasPostgres)("round trips", () => {
  let url: string;
  let connection: CountedTrips;
  let writer: GroupWriter;
  beforeEach(async () => {
    url = await (await sharedPostgres()).freshDatabase(TABLES);
    connection = new CountedTrips(openWritingConnection({ url }));
    writer = new GroupWriter(new DatabaseRunner(connection, table), table);
    endLater(() => writer.close());
  }, 60_000);
  /** The connection is open, and it is known how many round trips a call takes. */
  const begun = async (lookups: number, procedure = keep) => {
    await writer.run(procedure, `${lookups} to begin with`);
    connection.taken.length = 0;
  };
  const kept = () =>
    withRaw({ url }, ({ rows }) => rows<{ key: string }>("select key from meta where length(key) = 2 order by key"));
  const named = (lookups: number) => [..."abcdefgh"].map((letter) => `${lookups}${letter}`);

  test.each([
    // The lock, three for each of four, and the commit with all that was stored.
    [3, keep, [14, 14]],
    // Three that take five and the lock are sixteen, and then comes the commit.
    [4, keepNow, [12, 12, 12, 12]],
  ] as const)(
    "PG-12: a batch of calls with %d lookups each takes sixteen at most",
    async (lookups, procedure, taken) => {
      await begun(lookups, procedure);
      const keys = named(lookups);
      expect(await Promise.all(keys.map((key) => writer.run(procedure, key)))).toEqual(keys);
      expect(connection.taken).toEqual([...taken]);
    },
  );

  test.each([
    // The first batch is undone. In the second each takes one more than usual: it is known to have succeeded before the next one begins.
    ["throws", failing, "no", 3, [9, 14, 14, 5]],
    ["fails at its end", failingLate, "duplicate key", 3, [9, 14, 14, 5]],
    // A third one of five, the lock and the commit would be seventeen.
    ["throws", failing, "no", 4, [11, 12, 14, 14]],
    // There is room for more, but more than four savepoints are too many.
    ["throws", failing, "no", 1, [5, 10, 6]],
  ] as const)(
    "PG-12: a batch with savepoints, since a call %s, takes sixteen at most too (%#)",
    async (_, fails, why, lookups, taken) => {
      await begun(lookups);
      const keys = named(lookups);
      const answers = await Promise.allSettled(keys.map((key, n) => writer.run(n === 1 ? fails : keep, key)));
      const [refused, ...others] = answers.filter(({ status }) => status === "rejected") as PromiseRejectedResult[];
      expect([others, answers.indexOf(refused as PromiseRejectedResult)]).toEqual([[], 1]);
      expect((refused as PromiseRejectedResult).reason.message).toContain(why);
      expect((await kept()).map(({ key }) => key)).toEqual(keys.filter((_, n) => n !== 1));
      expect(connection.taken).toEqual([...taken]);
    },
  );
});
