import type { LocalRate } from "./local-rate.ts";

/** A number of one thing, by somebody. */
export interface Take {
  readonly rate: LocalRate;
  readonly key: number | string;
  readonly amount?: number;
}

/** Counts one act in several rates: in all of them, or, if one refuses, in none. @throws ProblemError `rate_limited` */
export function takeEach(...takes: readonly Take[]): void {
  for (const { rate, key, amount } of takes) rate.check(key, amount);
  for (const { rate, key, amount } of takes) rate.take(key, amount);
}
