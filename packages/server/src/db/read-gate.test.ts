import { afterEach, beforeEach, expect, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { onPostgres } from "../../test/test-database.ts";
import { openReader, type ReadDatabase } from "./open.ts";
import { ReadGate } from "./read-gate.ts";

let scratch: Scratch;
let gate: ReadGate;
let db: ReadDatabase;
beforeEach(async () => {
  scratch = await openScratch();
  gate = new ReadGate();
  db = openReader(scratch.place, { gate });
});
afterEach(async () => {
  await db.destroy();
  await scratch.close();
});

const read = () => db.selectFrom("log").selectAll().execute();

test.skipIf(onPostgres)("PROC-10: a held read waits until it is released, and then goes on", async () => {
  await read();
  expect(await gate.hold(10_000)).toBe(true);
  let isDone = false;
  const reading = read().then(() => {
    isDone = true;
  });
  await Bun.sleep(50);
  expect([isDone, gate.reading]).toEqual([false, 0]);
  gate.release();
  await reading;
  expect(gate.reading).toBe(0);
});

test.skipIf(onPostgres)("PROC-10: reads are held for so long at most, though nobody releases them", async () => {
  using timers = new HeldTimers(100);
  await gate.hold(100);
  let isDone = false;
  const reading = read().then(() => {
    isDone = true;
  });
  await Bun.sleep(50);
  expect([isDone, timers.waiting]).toEqual([false, [100]]);
  timers.run();
  await reading;
});

test.skipIf(onPostgres)("PROC-10: a transaction that goes on is waited for, as long as reads are held", async () => {
  const hold = async (ms: number) => {
    const [begun, end] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const transaction = db.transaction().execute(async (trx) => {
      await trx.selectFrom("log").selectAll().execute();
      begun.resolve();
      await end.promise;
    });
    await begun.promise;
    return { held: gate.hold(ms), end: end.resolve, transaction };
  };
  const short = await hold(10_000);
  expect(gate.reading).toBe(1);
  short.end();
  expect(await short.held).toBe(true);
  gate.release();
  await short.transaction;

  const long = await hold(50);
  expect(await long.held).toBe(false);
  long.end();
  await long.transaction;
  await read();
  expect(gate.reading).toBe(0);
});
