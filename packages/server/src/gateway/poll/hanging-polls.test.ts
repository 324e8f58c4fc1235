import { beforeEach, describe, expect, test } from "bun:test";
import { ProblemError } from "../../lib/problem.ts";
import { ActivePoll, HangingPolls } from "./hanging-polls.ts";

const ANN = { loginId: 1, uid: 20_000 };
const BEN = { loginId: 2, uid: 20_001 };
const FROM = { ip: "203.0.113.9", userAgent: "test" };

let counts: number[];
let polls: HangingPolls;
beforeEach(() => {
  counts = [];
  polls = new HangingPolls({ maxPerUser: 2, gauge: { set: (count) => void counts.push(count) } });
});

/** A waiting poll, and whether it was woken. */
function hang(login: typeof ANN | undefined, { deadlineMs = 1000, signal = new AbortController().signal } = {}) {
  const poll = new ActivePoll(login, FROM);
  const hanging = { poll, woken: false };
  void polls.hang(poll, { deadlineMs, signal }).then(() => {
    hanging.woken = true;
  });
  return hanging;
}

async function woken(...hanging: { woken: boolean }[]): Promise<boolean[]> {
  for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  return hanging.map((one) => one.woken);
}

describe("a poll that hangs", () => {
  test("is woken by an event, once, and counted for as long", async () => {
    const one = hang(ANN);
    expect([await woken(one), polls.size, polls.of(ANN.uid).polls > 0]).toEqual([[false], 1, true]);
    one.poll.wake?.();
    expect(one.poll.wake).toBeUndefined();
    expect([await woken(one), polls.size, polls.of(ANN.uid).polls > 0, counts]).toEqual([[true], 0, false, [1, 0]]);
  });

  test("is woken at its deadline, not before, and no other one with it", async () => {
    const [soon, later] = [hang(ANN, { deadlineMs: 1000 }), hang(BEN, { deadlineMs: 1001 })];
    polls.wakeExpired(999);
    expect(await woken(soon, later)).toEqual([false, false]);
    polls.wakeExpired(1000);
    expect(await woken(soon, later)).toEqual([true, false]);
    polls.wakeExpired(1001);
    expect(await woken(later)).toEqual([true]);
  });

  test("is woken when its client has gone, and leaves no listener behind when it is woken otherwise", async () => {
    const controller = new AbortController();
    const gone = hang(ANN, { signal: controller.signal });
    const signal = new AbortController().signal;
    let listeners = 0;
    const count = (by: number, call: (...args: never[]) => void) =>
      ((...args: never[]) => {
        listeners += by;
        call.apply(signal, args);
      }) as never;
    signal.addEventListener = count(1, signal.addEventListener as never);
    signal.removeEventListener = count(-1, signal.removeEventListener as never);
    const other = hang(BEN, { signal });
    controller.abort();
    expect([await woken(gone, other), listeners]).toEqual([[true, false], 1]);
    other.poll.wake?.();
    expect([await woken(other), listeners]).toEqual([[true], 0]);
  });

  test("is woken with all others at a stop", async () => {
    const all = [hang(ANN), hang(ANN), hang(BEN), hang(undefined)];
    polls.wakeAll();
    expect([await woken(...all), polls.size]).toEqual([[true, true, true, true], 0]);
  });
});

test("polls are numbered, and listed, in the order in which they began to wait", () => {
  const [early, late] = [new ActivePoll(ANN, FROM), new ActivePoll(BEN, FROM)];
  // What the first one reads takes longer.
  for (const poll of [late, early]) void polls.hang(poll, { deadlineMs: 1000, signal: new AbortController().signal });
  expect([...polls.all()]).toEqual([late, early]);
  expect(late.serial).toBeLessThan(early.serial);
});

describe("of one user", () => {
  test("only so many hang: the oldest is answered, others' and anonymous ones stay", async () => {
    const [first, second] = [hang(ANN), hang(ANN)];
    const others = [hang(BEN), hang(undefined), hang(undefined), hang(undefined)];
    expect(await woken(first, second)).toEqual([false, false]);
    const third = hang(ANN);
    expect(await woken(first, second, third, ...others)).toEqual([true, false, false, false, false, false, false]);
    expect(polls.size).toBe(6);
    second.poll.wake?.();
    hang(ANN);
    expect(await woken(third)).toEqual([false]);
  });

  test("one alone may hang where one is the most", async () => {
    polls = new HangingPolls({ maxPerUser: 1, gauge: { set: () => {} } });
    const first = hang(ANN);
    const second = hang(ANN);
    expect([await woken(first, second), polls.of(ANN.uid).polls > 0, polls.size]).toEqual([[true, false], true, 1]);
  });
});

test("a poll whose login was revoked is refused, others are not", () => {
  const poll = new ActivePoll(ANN, FROM);
  poll.assertMayRead();
  poll.end(new ProblemError("unauthorized"));
  expect(() => poll.assertMayRead()).toThrow(expect.objectContaining({ code: "unauthorized" }));
});
