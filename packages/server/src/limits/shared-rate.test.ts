import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { ProblemError } from "../lib/problem.ts";
import { SHARED_RATES } from "./limits.ts";
import { SHARED_KEYS_MAX, SharedRate } from "./shared-rate.ts";

let time: StillTime;
beforeEach(() => {
  time = new StillTime();
});
afterEach(() => time[Symbol.dispose]());

const rate = (enabled = true) => new SharedRate({ ...SHARED_RATES.signIns, counts: "sign-ins", count: 2 }, { enabled });

test("refuses the one too many, saying when to come back, until the window that began with the first ends", async () => {
  const subject = rate();
  await subject.take("a");
  time.advance(100_000);
  await subject.take("a");
  const refused = await subject.take("a").catch((error: unknown) => error);
  if (!(refused instanceof ProblemError)) throw refused;
  expect(refused).toMatchObject({ code: "rate_limited", status: 429, retryAfterMs: 500_000 });
  expect(refused.message).toBe("Too many sign-ins; try again in 500 s");
  time.advance(499_999);
  await expect(subject.take("a")).rejects.toThrow("try again in 1 s");
  await subject.take("b");
  await expect(subject.check("a")).rejects.toThrow("try again in 1 s");
  time.advance(1);
  await subject.check("a");
  await subject.take("a");
  await subject.take("a");
  await expect(subject.take("a")).rejects.toThrow("try again in 600 s");
});

test("counts at once, so that many at the same moment find no gap", async () => {
  const subject = rate();
  const counted = await Promise.all(Array.from({ length: 10 }, () => subject.tryTake("a")));
  expect(counted.filter(Boolean)).toHaveLength(2);
});

test("a refused one and a look count nothing", async () => {
  const subject = rate();
  for (let look = 0; look < 5; look++) await subject.check("a");
  for (let round = 0; round < 5; round++) await subject.tryTake("a");
  await expect(subject.check("a")).rejects.toThrow(ProblemError);
  await subject.giveBack("a");
  await subject.check("a");
  expect([await subject.tryTake("a"), await subject.tryTake("a")]).toEqual([true, false]);
});

test("what is given back behind the window's end, or was never counted, makes no room", async () => {
  const subject = rate();
  await subject.take("a");
  time.advance(600_000);
  await subject.giveBack("a");
  await subject.giveBack("b");
  for (const key of ["a", "b"]) {
    expect([await subject.tryTake(key), await subject.tryTake(key), await subject.tryTake(key)]).toEqual([
      true,
      true,
      false,
    ]);
  }
});

test("a key of which all was given back begins a window with its next one", async () => {
  const subject = rate();
  await subject.take("a");
  time.advance(100_000);
  await subject.giveBack("a");
  expect(subject.size).toBe(0);
  time.advance(100_000);
  await subject.take("a");
  await subject.take("a");
  time.advance(500_000);
  await expect(subject.take("a")).rejects.toThrow("try again in 100 s");
});

test("what another place has let pass is counted, whether or not there is room for it", async () => {
  const subject = rate();
  for (let n = 0; n < 3; n++) subject.note("a");
  expect(await subject.tryTake("a")).toBe(false);
  await subject.giveBack("a");
  expect(await subject.tryTake("a")).toBe(false);
  await subject.giveBack("a");
  expect(await subject.tryTake("a")).toBe(true);
});

test("a wall clock that is set changes nothing", async () => {
  const subject = rate();
  await subject.take("a");
  await subject.take("a");
  const now = Date.now();
  for (const jump of [-86_400_000, 86_400_000]) {
    const clock = spyOn(Date, "now").mockReturnValue(now + jump);
    await expect(subject.take("a")).rejects.toThrow("try again in 600 s");
    clock.mockRestore();
  }
});

test("tells of each one for which there is no room", async () => {
  let full = 0;
  const subject = new SharedRate({ ...SHARED_RATES.signIns, count: 1 }, { enabled: true, onFull: () => full++ });
  await subject.take("a");
  expect(full).toBe(0);
  await subject.take("a").catch(() => {});
  await subject.check("a").catch(() => {});
  await subject.tryTake("a");
  expect(full).toBe(3);
});

test("a key that is reset starts anew, and others do not", async () => {
  const subject = rate();
  for (const key of ["a", "a", "b", "b"]) await subject.take(key);
  await subject.reset("a");
  expect([await subject.tryTake("a"), await subject.tryTake("b")]).toEqual([true, false]);
});

test("a flood of keys takes bounded memory, and the key unused for longest starts anew", async () => {
  const subject = rate();
  for (const key of ["used", "used", "old", "old"]) await subject.take(key);
  await subject.tryTake("used");
  for (let key = 0; key < SHARED_KEYS_MAX - 2; key++) await subject.tryTake(key);
  expect(subject.size).toBe(SHARED_KEYS_MAX);
  await subject.take("one more");
  expect(subject.size).toBe(SHARED_KEYS_MAX);
  expect(await subject.tryTake("used")).toBe(false);
  expect(await subject.tryTake("old")).toBe(true);
});

test("switched off, everything passes and nothing is kept", async () => {
  const subject = rate(false);
  for (let i = 0; i < 20; i++) {
    await subject.check("a");
    await subject.take("a");
    await subject.giveBack("a");
    expect(await subject.tryTake("a")).toBe(true);
  }
  await subject.reset("a");
  expect(subject.size).toBe(0);
});
