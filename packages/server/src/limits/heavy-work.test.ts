import { expect, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import { HeavyWork } from "./heavy-work.ts";

/** Reads that end when the test says so. */
class Reads {
  readonly begun: string[] = [];
  readonly #ends = new Map<string, PromiseWithResolvers<string>>();

  constructor(readonly subject: HeavyWork) {}

  ask(reader: string | number, name: string): Promise<string> {
    const end = Promise.withResolvers<string>();
    this.#ends.set(name, end);
    const asked = this.subject.run(reader, () => {
      this.begun.push(name);
      return end.promise;
    });
    asked.catch(() => undefined);
    return asked;
  }

  /** Ends one, and lets what follows of it happen. */
  async end(name: string, error?: Error): Promise<void> {
    if (error) this.#ends.get(name)?.reject(error);
    else this.#ends.get(name)?.resolve(name);
    await nextTurn();
    await nextTurn();
  }
}

const names = (count: number, prefix = "r") => Array.from({ length: count }, (_, n) => `${prefix}${n}`);

test("HTTP-16: four at once of each reader, the others in the order of coming, and nobody waits for another reader", async () => {
  const reads = new Reads(new HeavyWork());
  const asked = names(7).map((name) => reads.ask(1, name));
  const other = reads.ask("203.0.113.9", "other");
  expect(reads.begun).toEqual(["r0", "r1", "r2", "r3", "other"]);
  await reads.end("r2");
  expect(reads.begun.slice(5)).toEqual(["r4"]);
  await reads.end("r0", new Error("no disk"));
  await reads.end("r4");
  expect(reads.begun.slice(5)).toEqual(["r4", "r5", "r6"]);
  for (const name of ["r1", "r3", "r5", "r6", "other"]) await reads.end(name);
  const outcomes = await Promise.allSettled([...asked, other]);
  expect(outcomes.map((outcome) => (outcome.status === "fulfilled" ? outcome.value : outcome.reason.message))).toEqual([
    "no disk",
    ...names(7).slice(1),
    "other",
  ]);
  expect(reads.subject.size).toBe(0);
});

test("HTTP-16: a place that becomes free is handed over in a later turn of the loop, and meanwhile nobody takes it", async () => {
  const reads = new Reads(new HeavyWork());
  for (const name of names(5)) void reads.ask(1, name);
  const ended = reads.end("r0");
  for (let microtask = 0; microtask < 50; microtask++) await Promise.resolve();
  void reads.ask(1, "late");
  expect(reads.begun).toEqual(names(4));
  await ended;
  expect(reads.begun).toEqual(names(5));
});

test("HTTP-16: one that waits too long is 429 with Retry-After, and its place goes to the next", async () => {
  using timers = new HeldTimers(7000);
  const reads = new Reads(new HeavyWork({ waitMs: 7000 }));
  for (const name of names(4)) void reads.ask(1, name);
  const late = reads.ask(1, "late");
  expect(timers.waiting).toEqual([7000]);
  timers.run();
  const refused = await late.catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "rate_limited", status: 429, retryAfterMs: 7000 });
  const next = reads.ask(1, "next");
  await reads.end("r0");
  expect(reads.begun).toEqual([...names(4), "next"]);
  await reads.end("next");
  expect(await next).toBe("next");
});

test("HTTP-16: a hundred wait at most; one more is refused at once, and others' are not", async () => {
  const reads = new Reads(new HeavyWork());
  const asked = names(104).map((name) => reads.ask(1, name));
  expect(reads.ask(1, "one more")).rejects.toThrow(ProblemError);
  void reads.ask(2, "other");
  expect(reads.begun).toEqual([...names(4), "other"]);
  for (const name of names(104)) await reads.end(name);
  expect(await Promise.all(asked)).toEqual(names(104));
});
