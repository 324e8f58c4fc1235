import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { nextTurn, withDeadline } from "../../../server/src/lib/interval.ts";
import { ChannelLocks, type Locks } from "./locks.ts";

/** Locks of one tab. `random` decides how long it waits for an answer, and who is later. */
function tab({ now = Date.now, random = Math.random }: { now?: () => number; random?: () => number } = {}) {
  return { locks: new ChannelLocks({ now, random }) };
}

const releases: (() => void)[] = [];
let goesOn: boolean;
/** Ten milliseconds pass in twenty turns of the loop: an answer of another tab takes fewer, however slow the machine is. */
async function passTime(): Promise<void> {
  while (goesOn) {
    for (let turn = 0; turn < 20; turn++) await nextTurn();
    if (goesOn) jest.advanceTimersByTime(10);
  }
}
beforeEach(() => {
  jest.useFakeTimers();
  goesOn = true;
  void passTime();
});
afterEach(() => {
  for (const release of releases.splice(0)) release();
  goesOn = false;
  jest.useRealTimers();
});

/** A request; `has` resolves with whether it was granted, `over` with how it ended. */
function ask(locks: Locks, how: Parameters<Locks["request"]>[1] = {}, name = "a lock") {
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  const { promise: has, resolve: granted } = Promise.withResolvers<boolean>();
  releases.push(release);
  const over = locks
    .request(name, how, (lock) => {
      granted(lock !== null);
      return lock ? released : undefined;
    })
    .then(
      () => "released",
      (error: Error) => error.name,
    );
  return { release, has: () => withDeadline(has, 3_000, "the lock"), over: () => withDeadline(over, 3_000, "the end") };
}
const NOW = { ifAvailable: true };

describe("locks of tabs that have none of the browser's", () => {
  test("SDK-60: one tab has a lock, another one is told so, and waits until it is free", async () => {
    const [one, other] = [tab(), tab()];
    const first = ask(one.locks, NOW);
    expect(await first.has()).toBe(true);
    const second = ask(other.locks, NOW);
    expect([await second.has(), await second.over()]).toEqual([false, "released"]);
    expect(await ask(other.locks, NOW, "another lock").has()).toBe(true);
    const third = ask(other.locks);
    first.release();
    expect([await third.has(), await first.over()]).toEqual([true, "released"]);
  });

  test("SDK-60: a lock also holds within a tab: a second request in the same tab waits for the first", async () => {
    const { locks } = tab();
    const first = ask(locks, NOW);
    await first.has();
    expect(await ask(locks, NOW).has()).toBe(false);
    const next = ask(locks);
    first.release();
    expect(await next.has()).toBe(true);
  });

  test("SDK-60: a lock that is stolen ends with an AbortError, and its thief keeps it", async () => {
    // The clock was set back meanwhile.
    const [one, other] = [tab(), tab({ now: () => 1_000 })];
    const first = ask(one.locks, NOW);
    await first.has();
    expect(await ask(other.locks, NOW).has()).toBe(false);
    const thief = ask(other.locks, { steal: true });
    expect([await thief.has(), await first.over()]).toEqual([true, "AbortError"]);
    expect(await ask(one.locks, NOW).has()).toBe(false);
    first.release();
    expect(await ask(tab().locks, NOW).has()).toBe(false);
  });

  test("SDK-60: of two tabs that take it at the same moment the later one keeps it, whichever hears of it first", async () => {
    for (const [a, b] of [
      [0.1, 0.2],
      [0.2, 0.1],
    ] as const) {
      const now = () => 1_000;
      const one = ask(tab({ now, random: () => a }).locks, { steal: true });
      const other = ask(tab({ now, random: () => b }).locks, { steal: true });
      expect([await one.has(), await other.has()]).toEqual([true, true]);
      const [earlier, later] = a < b ? [one, other] : [other, one];
      expect(await earlier.over()).toBe("AbortError");
      expect(await ask(tab().locks, NOW).has()).toBe(false);
      later.release();
      expect(await later.over()).toBe("released");
    }
  });

  test("SDK-60: many that ask at once end with one that has it", async () => {
    const asked = Array.from({ length: 7 }, () => ask(tab().locks, NOW));
    await Promise.all(asked.map((one) => one.has()));
    const { promise: settled, resolve } = Promise.withResolvers<void>();
    let over = 0;
    for (const one of asked)
      void one.over().then(
        () => ++over === 6 && resolve(),
        () => {},
      );
    await withDeadline(settled, 3_000, "all but one");
    expect(await ask(tab().locks, NOW).has()).toBe(false);
  });

  test("SDK-60: one that has slept while another tab took it loses it at the next question of anybody", async () => {
    const channel = new BroadcastChannel("parley:locks");
    const sleeper = ask(tab().locks, NOW);
    await sleeper.has();
    // As a tab does that has it for longer than anybody knows, and hears now of the other one.
    channel.postMessage({ kind: "held", name: "a lock", at: Date.now() + 60_000 });
    expect(await sleeper.over()).toBe("AbortError");
    channel.close();
  });

  test("SDK-28: a wait ends with its signal, and when nothing is asked for and held nothing is left", async () => {
    const [one, other] = [tab(), tab()];
    const first = ask(one.locks, NOW);
    await first.has();
    const abort = new AbortController();
    const waits = ask(other.locks, { signal: abort.signal });
    // It is told that the lock is taken before it waits for its end.
    await ask(other.locks, NOW).over();
    abort.abort();
    expect([await waits.over(), await ask(other.locks, { signal: abort.signal }).over()]).toEqual([
      "AbortError",
      "AbortError",
    ]);
    first.release();
    expect(await first.over()).toBe("released");
  });
});
