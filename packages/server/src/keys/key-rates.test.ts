import { expect, test } from "bun:test";
import { StillTime } from "../../test/still-time.ts";
import { KeyRates } from "./key-rates.ts";

/** How many requests of a key pass at once. */
function burst(rates: KeyRates, key: { id: number; rate: number | null }): number {
  for (let passed = 0; ; passed++) {
    try {
      rates.takeRequest(key);
    } catch {
      return passed;
    }
  }
}

test("SRV-8: a key has 10 000 requests at once and 2 000 a second, or its own number and five times that at once", () => {
  using time = new StillTime();
  const rates = new KeyRates({ enabled: true });
  const [usual, other, own] = [
    { id: 1, rate: null },
    { id: 2, rate: null },
    { id: 3, rate: 30 },
  ];
  expect([burst(rates, usual), burst(rates, own)]).toEqual([10_000, 150]);
  expect(burst(rates, other)).toBe(10_000);
  time.advance(1000);
  expect([burst(rates, usual), burst(rates, own)]).toEqual([2000, 30]);
});

/** How many more of what `take` counts pass at once. */
function passing(take: () => void): number {
  for (let passed = 0; ; passed++) {
    try {
      take();
    } catch {
      return passed;
    }
  }
}

test("SRV-8: a key reaches 100 000 people and rooms at once and 10 000 a second, or its own number and ten times that, 1 000 at least", () => {
  using time = new StillTime();
  const rates = new KeyRates({ enabled: true });
  const [usual, own, small] = [
    { id: 1, recipientsRate: null },
    { id: 2, recipientsRate: 300 },
    { id: 3, recipientsRate: 2 },
  ];
  const thousands = (key: { id: number; recipientsRate: number | null }) =>
    passing(() => rates.takeRecipients(key, 1000));
  expect([thousands(usual), thousands(own), thousands(small)]).toEqual([100, 3, 1]);
  time.advance(1000);
  expect([thousands(usual), passing(() => rates.takeRecipients(own, 1))]).toEqual([10, 300]);
});

test("SRV-8: a key tells everybody ten things at once and one a second, or its own number and ten times that", () => {
  using time = new StillTime();
  const rates = new KeyRates({ enabled: true });
  const keys = [
    { id: 1, allRate: null },
    { id: 2, allRate: 3 },
  ];
  const told = () => keys.map((key) => passing(() => rates.takeToAll(key)));
  expect(told()).toEqual([10, 30]);
  time.advance(1000);
  expect(told()).toEqual([1, 3]);
});

test("SRV-8: RATE_LIMITS=off lifts the rates of keys too", () => {
  const rates = new KeyRates({ enabled: false });
  for (let n = 0; n < 20; n++) rates.takeRequest({ id: 1, rate: 1 });
});
