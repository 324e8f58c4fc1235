import { expect, jest, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { LOCAL_RATES, SHARED_RATES } from "./limits.ts";
import type { LocalRate } from "./local-rate.ts";
import { type RateCount, RateTellings } from "./rate-tellings.ts";
import { createRates } from "./rates.ts";
import type { RateRow } from "./row.ts";
import { SharedRate } from "./shared-rate.ts";
import { SIZES } from "./sizes.ts";

/** Processes that count together, and tell each other when a test says so. */
function processes(count: number) {
  const shared = new Map(Object.entries(SHARED_RATES).map(([id, row]) => [id, new SharedRate(row, { enabled: true })]));
  const all = Array.from({ length: count }, () => {
    const tellings = new RateTellings();
    const together = { shared: (id: string) => shared.get(id) as SharedRate };
    return { tellings, rates: createRates({ enabled: true, signInsOverall: 600, together, tellings }) };
  });
  const tell = () => {
    for (const { tellings, counts } of all.map((one) => ({ ...one, counts: one.tellings.take() })))
      for (const other of all) if (other.tellings !== tellings) other.tellings.hear(counts);
  };
  return { all: all.map(({ rates }) => rates), tell };
}

test("PROC-9: what one process has counted for an address is used up in the others a moment later", () => {
  using _time = new StillTime();
  const { all, tell } = processes(2);
  const [a, b] = all as [(typeof all)[0], (typeof all)[0]];
  for (let n = 0; n < 40; n++) expect(a.handshakes.tryTake("1.2.3.4")).toBe(true);
  expect(b.handshakes.hasRoom("1.2.3.4")).toBe(true);
  tell();
  // Ten of the burst of 50 are left for both.
  let taken = 0;
  while (b.handshakes.tryTake("1.2.3.4")) taken += 1;
  expect(taken).toBe(10);
  tell();
  expect(a.handshakes.hasRoom("1.2.3.4")).toBe(false);
  expect(a.handshakes.hasRoom("1.2.3.5")).toBe(true);
});

test("PROC-9: what is taken back is taken back everywhere, and costs nothing where it was not told yet", () => {
  using _time = new StillTime();
  const { all, tell } = processes(2);
  const [a, b] = all as [(typeof all)[0], (typeof all)[0]];
  for (let n = 0; n < 500; n++) a.anonymousRequests.tryTake("x");
  tell();
  expect(b.anonymousRequests.tryTake("x")).toBe(false);
  a.anonymousRequests.giveBack("x", 100);
  tell();
  expect(b.anonymousRequests.tryTake("x")).toBe(true);
  a.anonymousRequests.take("y");
  a.anonymousRequests.giveBack("y");
  tell();
  for (let n = 0; n < 500; n++) expect(b.anonymousRequests.tryTake("y")).toBe(true);
});

test("PROC-9: what processes have passed beyond what there was is missing from what comes, at most one burst of it", () => {
  using _time = new StillTime();
  for (const [count, missing] of [
    [2, 50],
    [9, 50],
  ] as const) {
    const { all, tell } = processes(count);
    for (const rates of all) for (let n = 0; n < 50; n++) rates.handshakes.tryTake("z");
    tell();
    const [a] = all as [(typeof all)[0]];
    let waitMs = 0;
    try {
      a.handshakes.take("z");
    } catch (error) {
      waitMs = (error as { retryAfterMs: number }).retryAfterMs;
    }
    // Ten come back in a second.
    expect(waitMs).toBe(missing * 100 + 100);
  }
});

test("ID-6: with RATE_LIMITS=off nobody is asked for shared rates", async () => {
  const shared = () => {
    throw new Error("it is asked");
  };
  const rates = createRates({ enabled: false, signInsOverall: 1, together: { shared } });
  for (let n = 0; n < 3; n++) await rates.signInsOverall.take("x");
});

test("LIM-4: fewer than five of a key are told within a second, and none is forgotten", () => {
  const tellings = new RateTellings();
  for (let n = 0; n < 4; n++) tellings.note("handshakes", "few", 1);
  tellings.note("handshakes", "back", -4);
  for (let n = 0; n < 5; n++) tellings.note("handshakes", "many", 1);
  tellings.note("anonymousRequests", "lots", -5);
  expect(tellings.take()).toEqual([
    ["handshakes", "many", 5],
    ["anonymousRequests", "lots", -5],
  ]);
  for (let telling = 2; telling < 10; telling++) expect(tellings.take()).toEqual([]);
  expect(tellings.take()).toEqual([
    ["handshakes", "few", 4],
    ["handshakes", "back", -4],
  ]);
  // One more of a key that waits makes it many.
  for (let n = 0; n < 4; n++) tellings.note("handshakes", "few", 1);
  expect(tellings.take()).toEqual([]);
  tellings.note("handshakes", "few", 1);
  expect(tellings.take()).toEqual([["handshakes", "few", 5]]);
  for (let telling = 13; telling <= 20; telling++) expect(tellings.take()).toEqual([]);
});

test("LIM-4: ten thousand keys wait at most, and what was told makes room for others", () => {
  const tellings = new RateTellings();
  for (let key = 0; key < 10_001; key++) tellings.note("handshakes", key, 5);
  tellings.note("handshakes", 7, 5);
  const told = tellings.take();
  expect(told).toHaveLength(10_000);
  expect(told).toContainEqual(["handshakes", 7, 10]);
  expect(told).not.toContainEqual(["handshakes", 10_000, 5]);
  for (let key = 0; key < 10_001; key++) tellings.note("handshakes", key, 5);
  expect(tellings.take()).toHaveLength(10_000);
  // What nobody is told of makes room too.
  for (let key = 0; key < 10_000; key++) tellings.note("handshakes", key, 1);
  for (let key = 0; key < 10_000; key++) tellings.note("handshakes", key, -1);
  expect(tellings.take()).toEqual([]);
  tellings.note("handshakes", "y", 5);
  expect(tellings.take()).toEqual([["handshakes", "y", 5]]);
});

test("LIM-4: a flood of addresses leaves room for what is counted for people, and no message is larger than the bus takes", () => {
  jest.useFakeTimers();
  const tellings = new RateTellings();
  const told: (readonly RateCount[])[] = [];
  const stop = tellings.start((counts) => told.push(counts));
  try {
    for (let key = 0; key < 10_001; key++) tellings.note("handshakes", `2001:db8:${key}::/64`, 5);
    tellings.note("sends", 7, 1);
    jest.advanceTimersByTime(100);
    expect(told.map(({ length }) => length)).toEqual([5000, 5000, 1]);
    expect(told[2]).toEqual([["sends", 7, 1]]);
    for (const counts of told) expect(JSON.stringify(counts).length).toBeLessThan(SIZES.busMessage.count / 2);
  } finally {
    stop();
    jest.useRealTimers();
  }
});

test("LIM-4: what is not a count is skipped", () => {
  const tellings = new RateTellings();
  const heard: unknown[] = [];
  tellings.listen("handshakes", (key, amount) => heard.push([key, amount]));
  const odd = [null, 7, "x", {}, [], ["handshakes"], ["handshakes", "x"], ["handshakes", "x", "1"], [1, "x", 1]];
  const odder = [
    ["handshakes", null, 1],
    ["handshakes", {}, 1],
    ["handshakes", "x", 0.5],
    ["handshakes", "x", null],
  ];
  tellings.hear([...odd, ...odder, ["of a later version", "x", 1], ["handshakes", "y", 2], ["handshakes", 3, -4]]);
  expect(heard).toEqual([
    ["y", 2],
    [3, -4],
  ]);
});

test("PROC-9: what reaches others, and what counts by the day, is told at the next moment, also a single one", () => {
  using _time = new StillTime();
  const { all, tell } = processes(2);
  const [a, b] = all as [(typeof all)[0], (typeof all)[0]];
  const told = Object.entries<RateRow>(LOCAL_RATES).filter(([, { told }]) => told === "each");
  expect(told.map(([id]) => id)).toEqual(expect.arrayContaining(["sends", "friendRequestsToOne", "administration"]));
  for (const [id, { windowMs, told }] of Object.entries<RateRow>(LOCAL_RATES)) {
    if (windowMs === 86_400_000) expect([id, told]).toEqual([id, "each"]);
  }
  for (const [id, { count, burst = count }] of told) {
    const [here, there] = [a, b].map((rates) => rates[id as "sends"]) as [LocalRate, LocalRate];
    here.take("x", burst - 1);
    tell();
    expect([id, there.tryTake("x"), there.hasRoom("y")]).toEqual([id, true, true]);
    tell();
    expect([id, here.hasRoom("x")]).toEqual([id, false]);
  }
});

test("PROC-9: work that only costs the process which is asked stays with it, and rates of sign-ins are one count", async () => {
  using _time = new StillTime();
  const { all, tell } = processes(2);
  const [a, b] = all as [(typeof all)[0], (typeof all)[0]];
  for (let n = 0; n < 60; n++) a.readPlaces.take(20_000);
  tell();
  for (let n = 0; n < 60; n++) b.readPlaces.take(20_000);
  for (let n = 0; n < 10; n++) await (n % 2 ? a : b).ownPasswords.take(20_000);
  for (const { ownPasswords } of all) expect(await ownPasswords.tryTake(20_000)).toBe(false);
  for (let n = 0; n < 20; n++) await (n % 2 ? a : b).qrCodes.take("1.2.3.4");
  expect(await a.qrCodes.tryTake("1.2.3.4")).toBe(false);
  expect(await b.qrCodes.tryTake("1.2.3.4")).toBe(false);
});
