import { mock } from "bun:test";
import type { DatabaseConnection, Dialect } from "kysely";
import * as dialects from "../src/db/sqlite/dialect.ts";
import { nextTurn } from "../src/lib/interval.ts";
import { seeded } from "./seeded.ts";

/*
 * Makes every read of this thread take a while, as reads do from a database over a network: meanwhile events are announced, connections end
 * and other requests run. SQLite answers within the turn of the loop, so that tests would find none of what goes wrong then. The writer is
 * left as it is. Not part of `npm test`; the test runner loads it before the files that are named:
 *
 *   npm test -- --preload ./packages/server/test/slow-reads.ts packages/server/src/gateway
 *
 * `SLOW_READS` is the seed; without it each run has another one. `SLOW_READS_CONNECTIONS` is the number of connections: with 1, whatever
 * takes a second one while it holds the first waits for ever.
 */
const seed = Number(process.env.SLOW_READS ?? Date.now() % 100_000);
const most = Number(process.env.SLOW_READS_CONNECTIONS ?? Number.POSITIVE_INFINITY);
const random = seeded(seed);
const { readerDialect } = dialects;
/** The part of all statements that do not wait, and the longest wait: where a test has stopped the time, it is that many turns. */
const NONE = 0.2;
const WAIT_MS_MAX = 1;
const TURNS_MAX = 100;

console.error(`every read takes a while; SLOW_READS=${seed} makes the waits the same again`);
mock.module("../src/db/sqlite/dialect.ts", () => ({
  ...dialects,
  readerDialect: (path: string, connections: number) => slow(readerDialect(path, Math.min(connections, most))),
}));

function slow(dialect: Dialect): Dialect {
  const known = new WeakSet<DatabaseConnection>();
  return {
    ...dialect,
    createDriver: () => {
      const driver = dialect.createDriver();
      const acquire = driver.acquireConnection.bind(driver);
      driver.acquireConnection = async () => {
        const connection = await acquire();
        if (!known.has(connection)) slowDown(connection);
        known.add(connection);
        return connection;
      };
      return driver;
    },
  };
}

/** The statements that begin and end transactions too. A change elsewhere may come before the statement or after it, and before its answer. */
function slowDown(connection: DatabaseConnection): void {
  const execute = connection.executeQuery.bind(connection);
  connection.executeQuery = async (query) => {
    await aWhile();
    try {
      return await execute(query);
    } finally {
      await aWhile();
    }
  };
}

/** By turns of the loop, since timers are counted in some tests. */
async function aWhile(): Promise<void> {
  const share = random();
  if (share < NONE) return;
  const endsAt = Bun.nanoseconds() + (share - NONE) * WAIT_MS_MAX * 1e6;
  for (let turns = 0; turns < TURNS_MAX && Bun.nanoseconds() < endsAt; turns++) await nextTurn();
}
