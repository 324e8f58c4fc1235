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

test("SRV-8: RATE_LIMITS=off lifts the rates of keys too", () => {
  const rates = new KeyRates({ enabled: false });
  for (let n = 0; n < 20; n++) rates.takeRequest({ id: 1, rate: 1 });
});
