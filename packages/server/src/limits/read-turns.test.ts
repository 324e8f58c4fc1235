import { expect, test } from "bun:test";
import { delay, nextTurn, withDeadline } from "../lib/interval.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { ReadTurns } from "./read-turns.ts";
import { turnOf } from "./turn-of-key.ts";

/** Holds the loop, as a query does. */
function busy(ms: number): void {
  for (const until = uptimeMs() + ms; uptimeMs() < until; );
}

async function until(done: () => Promise<unknown>): Promise<void> {
  while (!(await done()));
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

test("HTTP-33: one runs at a time, and the next begins in a later turn of the loop", async () => {
  const turns = new ReadTurns();
  const end = Promise.withResolvers<void>();
  const first = turns.run("ann", () => end.promise);
  const { begun, done } = asked(turns, ["ben"]);
  for (let turn = 0; turn < 5; turn++) await nextTurn();
  expect(begun).toEqual([]);
  end.resolve();
  for (let microtask = 0; microtask < 50; microtask++) await Promise.resolve();
  expect(begun).toEqual([]);
  await Promise.all([first, done]);
  expect(begun).toEqual(["ben"]);
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
  const held = turns.run("ann", () => end.promise);
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
  const held = turns.run(1, () => end.promise);
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
