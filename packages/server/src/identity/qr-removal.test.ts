import { afterAll, beforeAll, expect, test } from "bun:test";
import { openScratch, type Scratch } from "../../test/scratch-database.ts";
import { removeExpiredQrCodes } from "./qr-actions.ts";
import { createQrCode } from "./qr-writes.ts";

let scratch: Scratch;
let writes = 0;
beforeAll(async () => {
  scratch = await openScratch();
});
afterAll(() => scratch.close());

const TICK_MS = 10_000;
const MADE_EACH_TICK = 350;

async function stored(): Promise<number> {
  const { count } = await scratch.db
    .selectFrom("qr_logins")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return count;
}

async function sweep(atMost: number): Promise<void> {
  writes = 0;
  const counted: typeof scratch.writes.run = (procedure, input) => {
    writes += 1;
    return scratch.writes.run(procedure, input);
  };
  await removeExpiredQrCodes({ writes: { ...scratch.writes, run: counted } }, { atMost });
}

test("ID-38: however many codes are made, those that ended more than ten minutes ago are gone", async () => {
  let made = 0;
  for (let tick = 0; tick < 100; tick++) {
    const codes = Array.from({ length: MADE_EACH_TICK }, () => ({
      ...{ code: `code ${made++}`, secretHash: "", ip: "203.0.113.9", userAgent: "" },
    }));
    await Promise.all(codes.map((code) => scratch.writes.run(createQrCode, code)));
    await sweep(1000);
    // A minute of life, ten minutes after it, and the time between two sweeps.
    expect(await stored()).toBeLessThanOrEqual((66 + 1) * MADE_EACH_TICK);
    scratch.clock.advance(TICK_MS);
  }
  expect(made).toBeGreaterThan(await stored());
}, 20_000);

test("ID-38: they go a hundred in a write, and a stop waits for one write only", async () => {
  const before = await stored();
  scratch.clock.advance(TICK_MS * 67);
  await sweep(1);
  expect([writes, await stored()]).toEqual([1, before - 100]);
  await sweep(1000);
  expect([writes, await stored()]).toEqual([Math.floor((before - 100) / 100) + 1, 0]);
});
