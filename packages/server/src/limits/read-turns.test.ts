import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { HeldTimers } from "../../test/held-timers.ts";
import { StillTime } from "../../test/still-time.ts";
import { nextTurn, withDeadline } from "../lib/interval.ts";
import { CAPS } from "./caps.ts";
import { ReadTurns } from "./read-turns.ts";
import { turnOf } from "./turn-of-key.ts";

const AT_ONCE = CAPS.readsAtOnce.count;

/** A read that takes longer counts as one that waits for something else. */
const READ_MS_MAX = 250;
/** How long those of a test wait for their turn. */
const WAIT_MS = 7000;

/** The thread's time, by which reads are paid for, and its timers of less than a second: rests, and ends of reads that take too long. */
class Thread implements Disposable {
  readonly #time = new StillTime();
  readonly #timers = new HeldTimers((ms) => ms < 1000);
  #workedMs = 0;
  readonly #work = spyOn(process, "threadCpuUsage").mockImplementation(() => ({
    user: this.#workedMs * 1000,
    system: 0,
  }));

  /** Holds the loop, as a query does. */
  busy(ms: number): void {
    this.#time.advance(ms);
    this.#workedMs += ms;
  }

  /** Does nothing, as while a database over a network works. */
  waits(ms: number): void {
    this.#time.advance(ms);
  }

  /** The rests that are under way: one at the most. */
  get rests(): number[] {
    return this.#timers.waiting.filter((ms) => ms !== READ_MS_MAX);
  }

  /** Lets a rest pass. */
  rest(): void {
    for (const ms of this.rests) {
      this.waits(ms);
      this.#timers.run(ms);
    }
  }

  /** Those that wait for the database have taken too long by now. */
  readsTakeTooLong(): void {
    this.#timers.run(READ_MS_MAX);
  }

  [Symbol.dispose](): void {
    this.#work.mockRestore();
    this.#timers[Symbol.dispose]();
    this.#time[Symbol.dispose]();
  }
}

let thread: Thread;
beforeEach(() => {
  thread = new Thread();
});
afterEach(() => thread[Symbol.dispose]());

/** So many turns of the loop: more than anything takes that waits for nothing else. */
async function turnsPass(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await nextTurn();
}

/** Takes all places of those that wait for the database. */
async function holdAll(turns: ReadTurns, until: Promise<void>): Promise<{ held: Promise<unknown> }> {
  const held: Promise<void>[] = [];
  while (held.length < AT_ONCE) {
    held.push(turns.run("held", () => until));
    // From then on it is known to wait.
    for (let turn = 0; turn < 2; turn++) await nextTurn();
  }
  return { held: Promise.all(held) };
}

/** Asks for short reads of several people; `begun` has whose came to its turn. */
function asked(turns: ReadTurns, people: readonly (string | number)[], ms = 0) {
  const begun: (string | number)[] = [];
  const all = people.map((who) =>
    turns.run(who, async () => {
      begun.push(who);
      thread.busy(ms);
    }),
  );
  return { begun, done: withDeadline(Promise.all(all), 5000, "they never had their turn") };
}

test("HTTP-33: one that comes alone begins at once", () => {
  const { begun } = asked(new ReadTurns(), ["ann"]);
  expect(begun).toEqual(["ann"]);
});

test("HTTP-33: people have their turns one after another, however much one of them asks for", async () => {
  const { begun, done } = asked(new ReadTurns(), ["ann", "ann", "ann", "ann", "ben", "ben", "cas"]);
  await done;
  expect(begun).toEqual(["ann", "ann", "ben", "cas", "ann", "ben", "ann"]);
});

test("HTTP-33: the next one begins in a later turn of the loop", async () => {
  const turns = new ReadTurns();
  const first = turns.run("ann", async () => {
    for (let microtask = 0; microtask < 50; microtask++) await Promise.resolve();
  });
  const { begun, done } = asked(turns, ["ben"]);
  await first;
  for (let microtask = 0; microtask < 50; microtask++) await Promise.resolve();
  expect(begun).toEqual([]);
  await done;
  expect(begun).toEqual(["ben"]);
});

test("HTTP-33: four that wait for the database are under way at once, and the next one begins when one of them is over", async () => {
  const turns = new ReadTurns();
  const ends = Array.from({ length: AT_ONCE }, () => Promise.withResolvers<void>());
  let under = 0;
  const first = ends.map(({ promise }, n) =>
    turns.run(n, () => {
      under += 1;
      return promise;
    }),
  );
  const { begun, done } = asked(turns, [99]);
  await turnsPass();
  expect([under, begun]).toEqual([AT_ONCE, []]);
  ends[2]?.resolve();
  await done;
  expect(begun).toEqual([99]);
  for (const { resolve } of ends) resolve();
  await Promise.all(first);
});

test("HTTP-33: one that takes longer than a quarter of a second is no longer one of those at once", async () => {
  const turns = new ReadTurns();
  const end = Promise.withResolvers<void>();
  const { held } = await holdAll(turns, end.promise);
  const { begun, done } = asked(turns, ["ben"]);
  await turnsPass();
  expect(begun).toEqual([]);
  thread.readsTakeTooLong();
  await done;
  expect(begun).toEqual(["ben"]);
  end.resolve();
  await held;
});

test("HTTP-33: waits for the database do not add up, and nobody pays for them", async () => {
  const turns = new ReadTurns();
  const ends = Array.from({ length: 10 * AT_ONCE }, () => Promise.withResolvers<void>());
  const begun: number[] = [];
  const all = ends.map(({ promise }, n) =>
    turns.run(n, () => {
      begun.push(n);
      return promise;
    }),
  );
  for (let round = 1; round <= 10; round++) {
    await turnsPass();
    expect([begun.length, thread.rests]).toEqual([round * AT_ONCE, []]);
    // The database takes its time, while the thread does nothing.
    thread.waits(100);
    for (const n of begun.slice(-AT_ONCE)) ends[n]?.resolve();
  }
  await Promise.all(all);
});

test("HTTP-33: what the thread works for one that waited for the database is paid for", async () => {
  const turns = new ReadTurns();
  await turns.run("ann", async () => {
    await turnsPass();
    thread.busy(100);
  });
  const { begun, done } = asked(turns, ["ben"]);
  await turnsPass();
  expect([begun, thread.rests]).toEqual([[], [90]]);
  thread.rest();
  await done;
  expect(begun).toEqual(["ben"]);
});

test("HTTP-33: the loop is free for as long as reads took, but for the first few of them", async () => {
  const people = Array.from({ length: 10 }, (_, n) => `p${n}`);
  const { begun, done } = asked(new ReadTurns(), people, 5);
  // The first 10 ms are not waited for.
  for (let count = 3; count < 10; count++) {
    await turnsPass();
    expect([begun.length, thread.rests]).toEqual([count, [5]]);
    thread.rest();
  }
  await done;
  expect(begun).toEqual(people);
});

test.each([
  [10, []],
  [100, [90]],
  [READ_MS_MAX, [240]],
  [300, [190]],
  [700, []],
])(
  "HTTP-33: behind one that took %d ms the rest is as long, and shorter where that is very long",
  async (ms, rests) => {
    const turns = new ReadTurns();
    await turns.run("ann", async () => thread.busy(ms));
    const { begun, done } = asked(turns, ["ben"]);
    await turnsPass();
    expect([begun, thread.rests]).toEqual([rests.length > 0 ? [] : ["ben"], rests]);
    thread.rest();
    await done;
  },
);

test("HTTP-33: one that waits for something else does not keep the turn", async () => {
  const turns = new ReadTurns();
  const end = Promise.withResolvers<void>();
  const first = turns.run("ann", () => end.promise);
  const { begun, done } = asked(turns, ["ben"]);
  await done;
  expect(begun).toEqual(["ben"]);
  end.resolve();
  await first;
});

test("HTTP-33: one that has no turn in time is 503 with Retry-After, and takes nobody's place", async () => {
  using waits = new HeldTimers(WAIT_MS);
  const turns = new ReadTurns({ waitMs: WAIT_MS });
  const end = Promise.withResolvers<void>();
  const { held } = await holdAll(turns, end.promise);
  const late = turns.run("ben", async () => "late").catch((error: unknown) => error);
  expect(waits.waiting).toEqual([WAIT_MS]);
  waits.run();
  expect(await withDeadline(late, 3000, "it waits for good")).toMatchObject({ code: "overloaded", retryAfterMs: 2000 });
  const next = turns.run("ben", async () => "next");
  end.resolve();
  await held;
  expect(await withDeadline(next, 3000, "there is no turn any more")).toBe("next");
  // Nothing counts as waiting any more: one that comes alone begins at once.
  await turnsPass();
  const { begun, done } = asked(turns, ["cas"]);
  expect(begun).toEqual(["cas"]);
  await done;
});

test("HTTP-33: people who are signed in and all others take turns, too, however many addresses those have", async () => {
  const strangers = Array.from({ length: 6 }, (_, n) => `2001:db8:0:${n}::/64`);
  const { begun, done } = asked(new ReadTurns(), ["first", ...strangers, 1, 1, 2]);
  await done;
  const [a, b, c, d, e, f] = strangers;
  expect(begun).toEqual(["first", 1, a, 2, b, 1, c, d, e, f] as (string | number)[]);
});

test("HTTP-33: a server key has its turns among the people, and waits for no strangers", async () => {
  const strangers = Array.from({ length: 4 }, (_, n) => `2001:db8:0:${n}::/64`);
  const { begun, done } = asked(new ReadTurns(), ["first", ...strangers, 1, turnOf({ id: 7 }), 1]);
  await done;
  const [a, b, c, d] = strangers;
  expect(begun).toEqual(["first", 1, a, "key 7", b, 1, c, d] as (string | number)[]);
});

test("HTTP-33: two thousand wait at most, a thousand of them of nobody who is signed in", async () => {
  const turns = new ReadTurns();
  const end = Promise.withResolvers<void>();
  const { held } = await holdAll(turns, end.promise);
  const strangers = Array.from({ length: 1000 }, (_, n) => `a${n}`);
  const people = Array.from({ length: 1000 }, (_, n) => n + 1);
  const { done } = asked(turns, strangers);
  const refused = (who: string | number) =>
    expect(turns.run(who, async () => {})).rejects.toMatchObject({ code: "overloaded" });
  await refused("one more");
  const { done: alsoDone } = asked(turns, people);
  await refused(1001);
  end.resolve();
  await alsoDone;
  await Promise.all([held, done]);
});

test("HTTP-33: one that fails leaves its turn", async () => {
  const turns = new ReadTurns();
  const failed = turns.run("ann", () => Promise.reject(new Error("no disk"))).catch((error: unknown) => error);
  const { begun, done } = asked(turns, ["ben"]);
  expect(await failed).toMatchObject({ message: "no disk" });
  await done;
  expect(begun).toEqual(["ben"]);
});
