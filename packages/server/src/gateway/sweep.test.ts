import { afterEach, beforeEach, describe, expect, jest, spyOn, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../lib/clock.ts";
import type { LoginId } from "../lib/login-id.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { type ConnectedLogin, Connection } from "./connection.ts";
import { startSweep, sweep } from "./sweep.ts";

const LOGIN = { loginId: 7, uid: 20_000, power: 0, name: "ann", avatar: "", expiresAt: 0 } as const;
const MAX_QUEUE_BYTES = 1000;

/** A connection on a wire that records what is sent, and a sweep that checks only this connection. */
function scene({ idleMs = 30_000 }: { idleMs?: number } = {}) {
  const at = { idleMs, id: "c", ip: "", userAgent: "", address: "", anonymous: false, resume: false, connectedAt: 0 };
  const connection = new Connection(at);
  const frames: number[] = [];
  const closes: [number, string][] = [];
  let queued = 0;
  connection.opened({
    send: (frame: string) => void frames.push(JSON.parse(frame).type),
    getBufferedAmount: () => queued,
    close: (code: number, reason: string) => {
      closes.push([code, reason]);
      connection.ended();
    },
  } as never);
  connection.state = { kind: "live", login: LOGIN };
  connection.lastReceivedMs = 0;
  const clock = new ManualClock(1_000_000);
  const errors: unknown[] = [];
  /** The answers to look-ups of the login's expiry, in turn. */
  const ends: (number | Error | Promise<number>)[] = [];
  const looks: LoginId[] = [];
  const parts = {
    hub: { all: () => [connection].filter(({ closed }) => !closed) } as never,
    tail: { position: 42 } as never,
    epoch: "00000000000000aa",
    clock,
    maxQueueBytes: MAX_QUEUE_BYTES,
    loginEndOf: async ({ loginId }: ConnectedLogin) => {
      looks.push(loginId);
      const end = ends.shift();
      if (end instanceof Error) throw end;
      return end ?? 0;
    },
    onError: (error: unknown) => void errors.push(error),
  };
  const round = async (nowMs: number, { cursors = false, isLate = false } = {}) => {
    sweep(parts, { nowMs, cursors, isLate });
    for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  };
  const queue = (bytes: number) => {
    queued = bytes;
  };
  return { connection, frames, closes, clock, errors, ends, looks, parts, round, queue };
}

describe("a silent connection", () => {
  test("GW-46: is closed with 4000 after as long as the connection may be silent, not before", async () => {
    const { connection, closes, round } = scene();
    connection.lastReceivedMs = 500;
    await round(30_500);
    expect(closes).toEqual([]);
    await round(30_501);
    expect(closes).toEqual([[4000, "nothing received in time"]]);
  });

  test("GW-46: is judged by what it sent, not by what was sent to it", async () => {
    const { connection, closes, round } = scene();
    for (let at = 1000; at <= 30_000; at += 1000) {
      connection.send(JSON.stringify({ type: Push.MESSAGE }));
      await round(at);
    }
    expect(closes).toEqual([]);
    await round(30_001);
    expect(closes.map(([code]) => code)).toEqual([4000]);
  });

  test("stays for ever where it cannot send", async () => {
    const { closes, round } = scene({ idleMs: 0 });
    await round(86_400_000);
    expect(closes).toEqual([]);
  });
});

test("GW-49: a connection that does not resume by its deadline is closed with 1008 after it; one without a deadline stays", async () => {
  const late = scene({ idleMs: 0 });
  late.connection.state = { kind: "awaiting-resume", login: LOGIN, deadline: 10_000, cursor: "" };
  await late.round(10_000);
  expect(late.closes).toEqual([]);
  await late.round(10_001);
  expect(late.closes).toEqual([[1008, "no RESUME in time"]]);

  const inTime = scene({ idleMs: 0 });
  inTime.connection.state = { kind: "awaiting-resume", login: LOGIN, deadline: 10_000, cursor: "" };
  await inTime.round(9000);
  inTime.connection.state = { kind: "live", login: LOGIN };
  await inTime.round(20_000);
  expect(inTime.closes).toEqual([]);
});

describe("GW-51: a slow reader", () => {
  const slow = () => {
    const all = scene({ idleMs: 0 });
    all.queue(501);
    return all;
  };

  test("is closed with 4008 after five seconds above half of the queue, not before", async () => {
    const { closes, round } = slow();
    await round(1000);
    await round(5999);
    expect(closes).toEqual([]);
    await round(6000);
    expect(closes).toEqual([[4008, "reads too slowly"]]);
  });

  test("is not slow at half of the queue", async () => {
    const { closes, round, queue } = slow();
    queue(500);
    for (let at = 1000; at < 20_000; at += 1000) await round(at);
    expect(closes).toEqual([]);
  });

  test("and caught up in between is not closed for the time before", async () => {
    const { closes, round, queue } = slow();
    await round(1000);
    await round(5500);
    queue(500);
    await round(5700);
    queue(501);
    await round(6000);
    await round(10_999);
    expect(closes).toEqual([]);
    await round(11_000);
    expect(closes.map(([code]) => code)).toEqual([4008]);
  });
});

test("GW-52: a late sweep closes nobody for silence, but sends cursors and looks at logins; the next one closes", async () => {
  const { connection, frames, closes, looks, ends, round, queue } = scene();
  queue(501);
  connection.loginEndsAt = 0;
  ends.push(2_000_000);
  await round(100_000, { isLate: true, cursors: true });
  expect([closes, frames, looks]).toEqual([[], [Push.CURSOR], [7]]);
  await round(100_001);
  expect(closes.map(([code]) => code)).toEqual([4000]);
});

test("GW-25: a connection that a sweep closes gets nothing more from it", async () => {
  const { connection, frames, closes, clock, looks, round, queue } = scene();
  connection.loginEndsAt = clock.now();
  await round(30_001, { cursors: true });
  const late = scene({ idleMs: 0 });
  late.connection.loginEndsAt = clock.now();
  late.connection.state = { kind: "awaiting-resume", login: LOGIN, deadline: 1, cursor: "" };
  await late.round(2, { cursors: true });
  const slow = scene({ idleMs: 0 });
  slow.queue(501);
  await slow.round(1);
  slow.connection.loginEndsAt = clock.now();
  await slow.round(5001, { cursors: true });
  queue(0);
  for (const one of [{ frames, closes, looks }, late, slow]) {
    expect([one.closes.length, one.frames, one.looks]).toEqual([1, [], []]);
  }
});

test("GW-25: connections that are live or catching up get a cursor, and no others", async () => {
  const cursor = () => "00000000000000aa;*@7";
  const done = Promise.resolve();
  for (const [state, sent] of [
    [{ kind: "live", login: LOGIN }, [Push.CURSOR]],
    [{ kind: "catching-up", login: LOGIN, cursor, done }, [Push.CURSOR]],
    [{ kind: "anonymous" }, []],
    [{ kind: "authorizing", waiting: [], login: LOGIN }, []],
    [{ kind: "awaiting-resume", login: LOGIN, deadline: 10_000, cursor: "" }, []],
  ] as const) {
    const { connection, frames, round } = scene();
    connection.state = state as never;
    await round(1, { cursors: false });
    expect(frames).toEqual([]);
    await round(2, { cursors: true });
    expect(frames).toEqual([...sent]);
  }
});

describe("the end of a login", () => {
  test("is looked up when it has come, not before; a login that was refreshed twice goes on to its last end", async () => {
    const { connection, frames, closes, clock, ends, looks, round } = scene();
    connection.loginEndsAt = clock.now() + 1;
    await round(1);
    expect(looks).toEqual([]);
    clock.advance(1);
    ends.push(clock.now() + 1000);
    await round(2);
    clock.advance(999);
    await round(3);
    expect(looks).toEqual([7]);
    clock.advance(1);
    ends.push(clock.now() + 1000);
    await round(4);
    expect([looks.length, closes, frames]).toEqual([2, [], []]);
    clock.advance(1000);
    ends.push(clock.now());
    await round(5);
    expect([frames, closes]).toEqual([[Push.INVALIDATE_TOKEN], [[4001, "the login has expired"]]]);
  });

  test("that cannot be looked up once is looked up again by the next round, and said each time", async () => {
    const { connection, closes, clock, ends, errors, looks, round } = scene();
    connection.loginEndsAt = clock.now();
    ends.push(new Error("the disk is gone"), new Error("still"), 0);
    await round(1);
    expect([errors.length, closes]).toEqual([1, []]);
    await round(2);
    expect([errors.length, closes, connection.loginEndsAt]).toEqual([2, [], clock.now()]);
    await round(3);
    expect([looks.length, errors.length, closes.map(([code]) => code)]).toEqual([3, 2, [4001]]);
  });

  test("is looked up once at a time, and ends nobody who has left meanwhile", async () => {
    const { connection, frames, closes, clock, ends, looks, round } = scene();
    connection.loginEndsAt = clock.now();
    const slow = Promise.withResolvers<number>();
    ends.push(slow.promise);
    await round(1);
    await round(2);
    expect(looks).toHaveLength(1);
    connection.ended();
    slow.resolve(0);
    await round(3);
    expect([frames, closes]).toEqual([[], []]);
  });

  test("is nothing to look up where nobody is signed in", async () => {
    const { connection, closes, errors, looks, round } = scene();
    connection.state = { kind: "anonymous" };
    connection.loginEndsAt = 0;
    await round(1);
    expect([looks, closes, errors]).toEqual([[], [], []]);
  });
});

describe("the timer", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => {
    jest.useRealTimers();
    jest.restoreAllMocks();
  });

  test("GW-25, GW-46: looks every second, hands out a cursor every 60 s, and does nothing once stopped", () => {
    const { connection, frames, closes, parts } = scene();
    connection.lastReceivedMs = uptimeMs();
    const stop = startSweep(parts);
    const live = (seconds: number) => {
      for (let second = 0; second < seconds; second++) {
        connection.lastReceivedMs = uptimeMs();
        jest.advanceTimersByTime(1000);
      }
      return frames.length;
    };
    expect([live(59), live(1), live(59), live(1)]).toEqual([0, 1, 1, 2]);
    jest.advanceTimersByTime(29_000);
    expect(closes).toEqual([]);
    stop();
    expect(jest.getTimerCount()).toBe(0);
    jest.advanceTimersByTime(60_000);
    expect([frames.length, closes]).toEqual([2, []]);
    const again = startSweep(parts);
    jest.advanceTimersByTime(1000);
    expect(closes.map(([code]) => code)).toEqual([4000]);
    again();
  });

  test("GW-52: a sweep that comes more than two seconds after the last one closes nobody", () => {
    let now = 0;
    spyOn(performance, "now").mockImplementation(() => now);
    for (const [lateMs, closed] of [
      [2000, 1],
      [2001, 0],
    ] as const) {
      now = 0;
      const { closes, parts } = scene();
      const stop = startSweep(parts);
      now = 60_000;
      jest.advanceTimersByTime(1000);
      expect(closes).toHaveLength(0);
      now += lateMs;
      jest.advanceTimersByTime(1000);
      expect(closes).toHaveLength(closed);
      stop();
    }
  });
});

describe("one of the product's own tokens", () => {
  const END = 2_000_000;
  const login = (tokenExpiresAt: number) => ({ ...LOGIN, expiresAt: tokenExpiresAt + 30_000, tokenExpiresAt });

  test("TOK-31: its next one is asked for a minute before its end, once for each token", async () => {
    const { connection, frames, clock, round } = scene();
    connection.goOnWith(login(END), clock.now());
    clock.advance(END - clock.now() - 60_001);
    await round(0);
    expect(frames).toEqual([]);
    clock.advance(1);
    await round(0);
    await round(0);
    expect(frames).toEqual([Push.REAUTHORIZE]);
    connection.goOnWith(login(END + 600_000), clock.now());
    clock.advance(599_999);
    await round(0);
    expect(frames).toEqual([Push.REAUTHORIZE]);
    clock.advance(1);
    await round(0);
    expect(frames).toEqual([Push.REAUTHORIZE, Push.REAUTHORIZE]);
  });

  test("TOK-31: of one that is short, half of what is left passes first", async () => {
    const { connection, frames, clock, round } = scene();
    connection.goOnWith(login(clock.now() + 40_000), clock.now());
    clock.advance(19_999);
    await round(0);
    expect(frames).toEqual([]);
    clock.advance(1);
    await round(0);
    expect(frames).toEqual([Push.REAUTHORIZE]);
  });

  test("TOK-31: is not asked for before READY", async () => {
    const { connection, frames, clock, round } = scene();
    connection.goOnWith(login(clock.now() + 10), clock.now());
    connection.state = { kind: "authorizing", login: login(clock.now() + 10), waiting: [] };
    clock.advance(9);
    await round(0);
    expect(frames).toEqual([]);
    connection.state = { kind: "live", login: login(clock.now() + 1) };
    await round(0);
    expect(frames).toEqual([Push.REAUTHORIZE]);
  });

  test("TOK-32: a look at the end of the one before does not end a connection that goes on with the next", async () => {
    const { connection, frames, closes, clock, ends, round } = scene();
    const slow = Promise.withResolvers<number>();
    ends.push(slow.promise);
    connection.livesAsLongAs({ ...LOGIN, expiresAt: clock.now() }, clock.now());
    await round(0);
    connection.goOnWith(login(clock.now() + 600_000), clock.now());
    slow.resolve(0);
    await round(0);
    expect([frames, closes]).toEqual([[], []]);
    expect(connection.loginEndsAt).toBe(clock.now() + 630_000);
  });
});
