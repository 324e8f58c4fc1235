import { describe, expect, test } from "bun:test";
import { ProblemError } from "../lib/problem.ts";
import { SHARED_RATES } from "./limits.ts";
import type { RateRow } from "./row.ts";
import type { CountedTogether } from "./shared-rate.ts";

/** One rate that several nodes count together, apart from those of other tests. */
export interface CountingScene {
  /** The rate as one more node has it. */
  node(): Promise<CountedTogether>;
  /** Lets the time pass by which windows end. */
  advance(ms: number): Promise<void>;
  end?(): Promise<void> | void;
}

export interface CountingSubject {
  readonly name: string;
  /** Its service is not installed. */
  readonly isMissing?: boolean;
  /** @param onFull called whenever there is no room for what is asked */
  scene(row: RateRow, onFull: () => void): Promise<CountingScene>;
}

const MINUTE = 60_000;
/** A real service goes on counting while a machine that is busy takes its time. */
const SLOW_S = 30;

/** Whether somebody is refused and told to come back in so many seconds, or a little fewer. */
async function expectRefused(taking: Promise<void>, seconds: number): Promise<void> {
  const refused = await taking.catch((error: unknown) => error);
  if (!(refused instanceof ProblemError)) throw refused ?? new Error("nobody was refused");
  expect(refused).toMatchObject({ code: "rate_limited", status: 429 });
  expect(refused.retryAfterMs).toBeGreaterThan((seconds - SLOW_S) * 1000);
  expect(refused.retryAfterMs).toBeLessThanOrEqual(seconds * 1000);
  const [, said] = /^Too many sign-ins; try again in (\d+) s$/.exec(refused.message) ?? [];
  expect(Number(said)).toBe(Math.ceil((refused.retryAfterMs as number) / 1000));
}

/** Two in ten minutes. */
const ROW: RateRow = { ...SHARED_RATES.signIns, counts: "sign-ins", count: 2 };

/** What holds wherever it is counted. */
export function countingContract({ name, isMissing = false, scene: newScene }: CountingSubject): void {
  const on = (
    title: string,
    run: (of: { a: CountedTogether; b: CountedTogether; scene: CountingScene; full: () => number }) => Promise<void>,
    row = ROW,
  ) =>
    test(title, async () => {
      let full = 0;
      const scene = await newScene(row, () => full++);
      try {
        await run({ a: await scene.node(), b: await scene.node(), scene, full: () => full });
      } finally {
        await scene.end?.();
      }
    }, 30_000);

  describe.skipIf(isMissing)(`shared rates: ${name}`, () => {
    on("LIM-1 one too many is refused on every node, until the window that began with the first ends", async (of) => {
      const { a, b, scene } = of;
      await a.take("x");
      await scene.advance(2 * MINUTE);
      await b.take("x");
      for (const node of [a, b]) await expectRefused(node.take("x"), 480);
      await scene.advance(7.5 * MINUTE);
      expect([await a.tryTake("x"), await b.tryTake("x")]).toEqual([false, false]);
      await scene.advance(0.5 * MINUTE);
      expect([await a.tryTake("x"), await b.tryTake("x"), await a.tryTake("x")]).toEqual([true, true, false]);
      await expectRefused(a.take("x"), 600);
    });

    on(
      "LIM-1 of many at the same moment, on two nodes, exactly so many pass",
      async ({ a, b }) => {
        const answers = await Promise.all(Array.from({ length: 300 }, (_, n) => (n % 2 ? a : b).tryTake("x")));
        expect(answers.filter(Boolean)).toHaveLength(100);
        const taken = await Promise.allSettled(Array.from({ length: 300 }, (_, n) => (n % 2 ? a : b).take("y")));
        expect(taken.filter(({ status }) => status === "fulfilled")).toHaveLength(100);
      },
      { ...ROW, count: 100 },
    );

    on("LIM-1 each key has its own count, whatever is in it", async ({ a, b }) => {
      const keys = [
        "x",
        "X",
        "x ",
        "",
        "x:1",
        "key\r\nDEL",
        "*",
        "é",
        "\u0000",
        "ann 2001:db8::/64",
        "y".repeat(10_000),
        7,
      ];
      for (const key of [...keys, ...keys]) expect(await a.tryTake(key)).toBe(true);
      for (const key of keys) expect(await b.tryTake(key)).toBe(false);
    });

    on("LIM-1 looking counts nothing, and refuses where one more would be refused", async ({ a, b, scene }) => {
      for (let look = 0; look < 5; look++) await a.check("x");
      await a.take("x");
      await b.check("x");
      await b.take("x");
      await expectRefused(a.check("x"), 600);
      await scene.advance(10 * MINUTE);
      await a.check("x");
      expect([await a.tryTake("x"), await a.tryTake("x")]).toEqual([true, true]);
    });

    on("LIM-1 what is refused counts nothing: one that is given back makes room for one", async ({ a, b }) => {
      for (let n = 0; n < 2; n++) await a.take("x");
      for (let n = 0; n < 5; n++) await b.tryTake("x");
      await b.giveBack("x");
      expect([await a.tryTake("x"), await b.tryTake("x")]).toEqual([true, false]);
    });

    on("LIM-1 giving back does not move the window's end, and never makes more room than there is", async (of) => {
      const { a, b, scene } = of;
      for (let n = 0; n < 3; n++) await a.giveBack("x");
      await a.take("x");
      await b.take("x");
      await scene.advance(5 * MINUTE);
      await b.giveBack("x");
      await a.take("x");
      await expectRefused(a.take("x"), 300);
      await scene.advance(5 * MINUTE);
      for (let n = 0; n < 3; n++) await b.giveBack("x");
      expect([await a.tryTake("x"), await a.tryTake("x"), await a.tryTake("x")]).toEqual([true, true, false]);
    });

    on("LIM-1 a key of which all was given back begins a window with its next one", async ({ a, scene }) => {
      await a.take("x");
      await scene.advance(2 * MINUTE);
      await a.giveBack("x");
      await scene.advance(2 * MINUTE);
      for (let n = 0; n < 2; n++) await a.take("x");
      await scene.advance(8 * MINUTE);
      await expectRefused(a.take("x"), 120);
    });

    on("LIM-1 a key that is reset starts anew on every node, and others do not", async ({ a, b }) => {
      for (const key of ["x", "x", "y", "y"]) await a.take(key);
      await b.reset("x");
      expect([await a.tryTake("x"), await b.tryTake("x"), await a.tryTake("x")]).toEqual([true, true, false]);
      expect(await a.tryTake("y")).toBe(false);
    });

    on("LIM-1 each one for which there is no room is told of, once", async ({ a, b, full }) => {
      for (let n = 0; n < 2; n++) await a.take("x");
      await a.check("y");
      await a.giveBack("y");
      expect(full()).toBe(0);
      await a.take("x").catch(() => {});
      await b.check("x").catch(() => {});
      expect(await b.tryTake("x")).toBe(false);
      expect(full()).toBe(3);
    });
  });
}
