import { expect, test } from "bun:test";
import { delay, nextTurn, withDeadline } from "../lib/interval.ts";
import { uptimeMs, workedMs } from "../lib/uptime.ts";
import { CAPS } from "./caps.ts";
import { ReadTurns } from "./read-turns.ts";
import { turnOf } from "./turn-of-key.ts";

const AT_ONCE = CAPS.readsAtOnce.count;

/** Holds the loop, as a query does. */
function busy(ms: number): void {
  for (const until = uptimeMs() + ms; uptimeMs() < until; );
}

/** The same, where the machine may have other things to do meanwhile. */
function busyWorking(ms: number): void {
  for (const until = workedMs() + ms; workedMs() < until; );
}

async function until(done: () => Promise<unknown>): Promise<void> {
  while (!(await done()));
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
      busy(ms);
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
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  expect([under, begun]).toEqual([AT_ONCE, []]);
  ends[2]?.resolve();
  await done;
  expect(begun).toEqual([99]);
  for (const { resolve } of ends) resolve();
  await Promise.all(first);
});

test("HTTP-33: waits for the database do not add up, and nobody pays for them", async () => {
  const startedAt = uptimeMs();
  const turns = new ReadTurns();
  await Promise.all(Array.from({ length: 10 * AT_ONCE }, (_, n) => turns.run(n, () => delay(20))));
  // Ten times 20 ms. One by one, each with its rest, they would take eight times as long.
  expect(uptimeMs() - startedAt).toBeLessThan(800);
});

test("HTTP-33: what the thread works for one that waited for the database is paid for", async () => {
  const turns = new ReadTurns();
  await turns.run("ann", async () => {
    await delay(1);
    busyWorking(100);
  });
  const startedAt = uptimeMs();
  await asked(turns, ["ben"]).done;
  expect(uptimeMs() - startedAt).toBeGreaterThan(80);
});

test("HTTP-33: the loop is free for as long as reads took, but for the first few of them", async () => {
  const startedAt = uptimeMs();
  await asked(
    new ReadTurns(),
    Array.from({ length: 10 }, (_, n) => `p${n}`),
    5,
  ).done;
  // Ten reads of 5 ms, and rests of 5 ms between them: the first 10 ms and the last rest are not waited for.
  expect(uptimeMs() - startedAt).toBeGreaterThan(50 + 34);
});

test("HTTP-33: behind one that took very long the rest is not as long", async () => {
  const turns = new ReadTurns();
  await turns.run("ann", async () => busy(700));
  const startedAt = uptimeMs();
  await asked(turns, ["ben"]).done;
  expect(uptimeMs() - startedAt).toBeLessThan(400);
});

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
  const turns = new ReadTurns({ waitMs: 5 });
  const end = Promise.withResolvers<void>();
  const { held } = await holdAll(turns, end.promise);
  const late = turns.run("ben", async () => "late").catch((error: unknown) => error);
  expect(await withDeadline(late, 3000, "it waits for good")).toMatchObject({ code: "overloaded", retryAfterMs: 2000 });
  end.resolve();
  await held;
  // Behind one that took longer than the wait comes a rest that may do so too.
  const next = () => turns.run("ben", async () => "next").catch(() => undefined);
  await withDeadline(until(next), 3000, "there is no turn any more");
  // Nothing counts as waiting any more: one that comes alone begins at once.
  await delay(1000);
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
