import { describe, expect, spyOn, test } from "bun:test";
import { Command, floorCursor, Push } from "@parley/protocol";
import { withDeadline } from "../../../server/src/lib/interval.ts";
import { TIMING, type Timing } from "../lib/timing.ts";
import { ClientCursor } from "../reading/client-cursor.ts";
import { Delivery } from "../reading/delivery.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import { Connection } from "./connection.ts";
import type { FromConnection } from "./states.ts";
import type { Start, Transport, TransportEvents } from "./transports/transport.ts";

const EPOCH = "0123456789abcdef";
const at = (pos: number) => floorCursor(EPOCH, pos);
const READY = { connectionId: "1", epoch: EPOCH, serverTime: 0, heartbeatMs: 10_000, idleMs: 30_000, cursor: at(9) };
const frame = (type: number, data: object, place: object = {}) => ({ type, data, ...place }) as PushFrame;

function rig(
  name: Transport["name"],
  more: { cursor?: string; isLive?: boolean; timing?: Partial<Timing>; onPush?: (frame: PushFrame) => void } = {},
) {
  const abort = new AbortController();
  const reports: FromConnection[] = [];
  const sent: number[] = [];
  const beats: (() => void)[] = [];
  const clock = { now: 1_000_000 };
  const cursor = new ClientCursor(more.cursor);
  const endings: boolean[] = [];
  const logins: (number | undefined)[] = [];
  let ends = 0;
  let on: TransportEvents | undefined;
  const transport: Transport = {
    name,
    open(_, events) {
      on = events;
      return name === "websocket" ? { send: (type) => void sent.push(type) } : {};
    },
  };
  const isReady = () => reports.some(({ kind }) => kind === "ready");
  const connection = new Connection({
    transport,
    start: { token: "t", cursor: cursor.text, signal: abort.signal } as Start,
    cursor,
    delivery: new Delivery(cursor, (frame) => more.onPush?.(frame)),
    timing: { ...TIMING, ...more.timing },
    now: () => clock.now,
    heartbeat: (_, beat) => {
      beats.push(beat);
      return () => {
        ends += 1;
      };
    },
    isReady,
    isLive: () => more.isLive ?? reports.some(({ kind }) => kind === "live"),
    onReceive: () => {},
    report: (happening) => {
      reports.push(happening);
      if (happening.kind === "ended") abort.abort();
    },
    onTokenEnding: (wasRefused) => void endings.push(wasRefused),
    onLogin: (leftMs) => void logins.push(leftMs),
  });
  connection.open();
  const events = on as TransportEvents;
  return {
    connection,
    events,
    abort,
    cursor,
    clock,
    sent,
    beats,
    ends: () => ends,
    kinds: () => reports.map((one) => (one.kind === "ended" ? `ended ${one.end.kind}` : one.kind)),
    last: () => reports.at(-1),
    endings,
    ended: () => reports.some(({ kind }) => kind === "ended"),
  };
}

describe("what a connection reports", () => {
  test("SDK-2: without a cursor READY gives the first one and is live; with one it waits for what was missed", () => {
    const fresh = rig("websocket");
    fresh.events.opened();
    fresh.events.receive([frame(Push.READY, READY)]);
    expect([fresh.kinds(), fresh.cursor.text]).toEqual([["opened", "ready", "ready", "live"], at(9)]);
    const resuming = rig("websocket", { cursor: at(5) });
    resuming.events.receive([frame(Push.READY, READY)]);
    expect([resuming.kinds(), resuming.cursor.text]).toEqual([["ready"], at(5)]);
    resuming.events.receive([frame(Push.CURSOR, { cursor: at(8) })]);
    expect([resuming.kinds(), resuming.cursor.text]).toEqual([["ready"], at(8)]);
    resuming.events.receive([frame(Push.CURSOR, { cursor: at(9), live: true })]);
    expect([resuming.kinds(), resuming.cursor.text]).toEqual([["ready", "ready", "live"], at(9)]);
  });

  test.each([true, false])(
    "SDK-21: DRAIN names the wait, and its cursor counts only where the connection is live: %p",
    (isLive) => {
      const { connection, events, cursor } = rig("websocket", { cursor: at(5), isLive });
      events.receive([frame(Push.READY, READY), frame(Push.DRAIN, { retryAfterMs: 700, cursor: at(9) })]);
      expect([connection.drainMs, cursor.text]).toEqual([700, at(isLive ? 9 : 5)]);
    },
  );

  test("SDK-28, SDK-30: each RESYNC is waited for anew, and an end leaves no wait behind", () => {
    const { events, abort } = rig("websocket", { cursor: at(5) });
    const [begun, ended] = [spyOn(globalThis, "setTimeout"), spyOn(globalThis, "clearTimeout")];
    try {
      const left = () => {
        const cleared = new Set<unknown>(ended.mock.calls.map(([timer]) => timer));
        return begun.mock.results.filter(({ value }) => !cleared.has(value)).length;
      };
      for (const stream of ["room:1", "room:2"]) events.receive([frame(Push.RESYNC, { stream, seq: 1, why: "far" })]);
      expect([begun.mock.calls.length, left()]).toEqual([2, 1]);
      abort.abort();
      expect(left()).toBe(0);
    } finally {
      begun.mockRestore();
      ended.mockRestore();
    }
  });

  test("SDK-30: RESYNCs of a reply are acted on at once, before whatever follows them, and move no cursor", () => {
    const { events, kinds, last, cursor } = rig("long-poll", { cursor: at(5) });
    const resync = (stream: string) => frame(Push.RESYNC, { stream, seq: 1, why: "far" });
    events.receive([resync("room:1"), resync("room:2")], at(9));
    expect([kinds(), cursor.text]).toEqual([["ended resync"], at(5)]);
    expect(last()).toMatchObject({ end: { resyncs: [{ stream: "room:1" }, { stream: "room:2" }] } });
    const other = rig("long-poll", { cursor: at(5) });
    other.events.receive([resync("room:1"), frame(Push.RECALL, {}, { stream: "room:3", seq: 4 })], at(9));
    expect([other.kinds(), other.cursor.seen("room:3")]).toEqual([["ended resync"], undefined]);
  });

  test("SDK-5: behind an event that is missing nothing is handed over", () => {
    const got: (number | undefined)[] = [];
    const { events, kinds } = rig("sse", { cursor: `${at(5)},room:3@1`, onPush: ({ seq }) => got.push(seq) });
    const event = (seq: number) => frame(Push.RECALL, {}, { stream: "room:3", seq });
    events.receive([event(2), event(4), event(5)]);
    events.receive([event(3)]);
    expect([kinds(), got]).toEqual([["ended anew"], [2]]);
  });

  test("SDK-3: a handler that ends the connection gets nothing more of it, and the cursor has what it got", () => {
    const got: (number | undefined)[] = [];
    const { events, abort, cursor } = rig("sse", {
      cursor: at(5),
      onPush: ({ seq }) => {
        got.push(seq);
        abort.abort();
      },
    });
    const event = (seq: number) => frame(Push.RECALL, {}, { stream: "room:3", seq });
    events.receive([event(2), event(3)], at(9));
    expect([got, cursor.text]).toEqual([[2], `${at(5)},room:3@2`]);
  });

  test("SDK-4, SDK-22: the end that a frame tells of is the code that a close would have", () => {
    const told = (name: Transport["name"], type: number, data: object) => {
      const { events, last } = rig(name, { cursor: at(5) });
      events.receive([frame(type, data)]);
      const report = last();
      return report?.kind === "ended" ? report.end : undefined;
    };
    const code = (code: number) => ({ kind: "closed", code, reason: "" }) as const;
    expect(told("websocket", Push.INVALIDATE_TOKEN, {})).toEqual(code(4001));
    expect(told("sse", Push.ERROR, { code: "too_many_connections" })).toEqual(code(4029));
    expect(told("sse", Push.ERROR, { code: "overloaded" })).toEqual(code(1013));
    expect(told("sse", Push.ERROR, { code: "forbidden" })).toBeUndefined();
    // A WebSocket is closed with a code of its own.
    expect(told("websocket", Push.ERROR, { code: "overloaded" })).toBeUndefined();
    const { RESUME, TYPING } = Command;
    expect(told("websocket", Push.ERROR, { code: "overloaded", requestType: RESUME })).toEqual({ kind: "failed" });
    expect(told("websocket", Push.ERROR, { code: "cursor_malformed", requestType: RESUME })).toMatchObject({
      kind: "refused",
      code: "cursor_malformed",
    });
    expect(told("sse", Push.ERROR, { code: "overloaded", requestType: TYPING })).toBeUndefined();
  });

  test("SDK-60: what another tab's connection says about itself is that tab's", () => {
    const { events, kinds, cursor, connection } = rig("tab", { cursor: at(5) });
    events.receive([frame(Push.READY, READY), frame(Push.DRAIN, { retryAfterMs: 7, cursor: at(9) })]);
    events.receive([frame(Push.INVALIDATE_TOKEN, {}), frame(Push.CURSOR, { cursor: at(7), live: true })]);
    expect([kinds(), cursor.text, connection.drainMs]).toEqual([[], at(7), undefined]);
  });

  test("SDK-60: what this tab had from elsewhere is dropped when it comes, and nothing that is newer", () => {
    const got: (number | undefined)[] = [];
    const { events, cursor } = rig("tab", { cursor: `${at(5)},room:3@5`, onPush: ({ seq }) => got.push(seq) });
    events.had("room:3", 4);
    expect(cursor.seen("room:3")).toBe(5);
    events.had("room:3", 7);
    events.receive([6, 7, 8].map((seq) => frame(Push.RECALL, {}, { stream: "room:3", seq })));
    expect([got, cursor.text]).toEqual([[8], `${at(5)},room:3@8`]);
  });

  test("SDK-27: anything but a frame of this server ends it, and nothing is reported after an end", () => {
    const { events, kinds } = rig("websocket", { cursor: at(5) });
    events.receive([null as never]);
    events.receive([frame(Push.READY, READY)]);
    events.opened();
    events.live();
    events.ended({ kind: "failed" });
    expect(kinds()).toEqual(["ended failed"]);
  });
});

describe("signs of life", () => {
  const live = () => {
    const one = rig("websocket");
    one.events.receive([frame(Push.READY, READY)]);
    return one;
  };

  test("SDK-27: it beats as the server wants it, and ends where a beat comes later than the server bears", () => {
    const { beats, sent, clock, kinds, ends } = live();
    beats[0]?.();
    expect(sent).toEqual([Command.HEARTBEAT]);
    clock.now += READY.idleMs;
    beats[0]?.();
    expect(sent).toHaveLength(2);
    clock.now += READY.idleMs + 1;
    beats[0]?.();
    expect([kinds().at(-1), ends()]).toEqual(["ended failed", 1]);
  });

  test("SDK-27: each beat counts from the one before", () => {
    const { beats, sent, clock, kinds } = live();
    for (const _ of [1, 2, 3]) {
      clock.now += READY.idleMs;
      beats[0]?.();
    }
    expect([sent.length, kinds().includes("ended failed")]).toEqual([3, false]);
  });

  test("SDK-27: a clock that was set back makes no beat late, and hides none", () => {
    const { connection, clock, kinds } = live();
    clock.now -= 3_600_000;
    connection.look();
    clock.now += READY.idleMs + 1;
    expect(kinds()).not.toContain("ended failed");
    connection.look();
    expect(kinds().at(-1)).toBe("ended failed");
  });

  test("SDK-27: event streams have no beats: a look ends none of them", () => {
    const { connection, events, clock, kinds, beats } = rig("sse");
    events.receive([frame(Push.READY, READY)]);
    clock.now += 3_600_000;
    connection.look();
    expect([kinds().includes("ended failed"), beats.length]).toEqual([false, 0]);
  });

  test.each([
    ["websocket", { webSocketSilenceMs: 40, sseSilenceMs: 3_600_000 }],
    ["sse", { sseSilenceMs: 40, webSocketSilenceMs: 3_600_000 }],
  ] as const)("SDK-27: a silence of a %s that is ready is its end, and one before it is not", async (name, timing) => {
    const timers = spyOn(globalThis, "setInterval");
    const { events, clock, ended } = rig(name, { cursor: at(5), timing });
    expect(timers.mock.calls.map(([, ms]) => ms)).toEqual([10]);
    timers.mockRestore();
    clock.now += 1_000;
    // Proves an absence: it is looked at every 10 ms.
    await Bun.sleep(40);
    expect(ended()).toBe(false);
    events.receive([frame(Push.READY, READY)]);
    // Any frame is a sign of life, and so is what the transport says is one.
    for (const alive of [() => events.receive([]), () => events.alive()]) {
      clock.now += 30;
      alive();
      clock.now += 40;
      await Bun.sleep(40);
      expect(ended()).toBe(false);
    }
    clock.now += 1;
    await withDeadline(
      (async () => {
        while (!ended()) await Bun.sleep(1);
      })(),
      4_500,
      "the end",
    );
  });

  test("SDK-27: a clock that was set back is no silence, and hides none", async () => {
    const timing = { webSocketSilenceMs: 40 };
    const { events, clock, ended } = rig("websocket", { cursor: at(5), timing });
    events.receive([frame(Push.READY, READY)]);
    clock.now -= 3_600_000;
    // Proves an absence: it is looked at every 10 ms.
    await Bun.sleep(40);
    expect(ended()).toBe(false);
    clock.now += 41;
    await withDeadline(
      (async () => {
        while (!ended()) await Bun.sleep(1);
      })(),
      4_500,
      "the end",
    );
  });

  test("SDK-27: polls end by themselves: no silence is theirs", async () => {
    const { events, clock, ended } = rig("long-poll", {
      cursor: at(5),
      timing: { webSocketSilenceMs: 8, sseSilenceMs: 8 },
    });
    events.ready();
    clock.now += 3_600_000;
    await Bun.sleep(20);
    expect(ended()).toBe(false);
  });

  test("SDK-28: a stop in the handler of READY starts no beat", () => {
    const one: { abort?: AbortController } = {};
    const stopped = rig("websocket", { onPush: () => one.abort?.abort() });
    one.abort = stopped.abort;
    stopped.events.receive([frame(Push.READY, READY)]);
    expect([stopped.beats.length, stopped.kinds(), stopped.cursor.text]).toEqual([0, [], at(9)]);
  });
});

describe("the next token", () => {
  const ending = frame(Push.REAUTHORIZE, { expiresAt: 1 });
  const error = (code: string) => frame(Push.ERROR, { code, message: "", requestType: Command.AUTHORIZE });

  test("SDK-80: is asked for when the server says so, and again when it refuses one", () => {
    const { events, endings } = rig("websocket", { cursor: at(5) });
    events.receive([ending]);
    expect(endings).toEqual([false]);
    events.receive([error("unauthorized"), error("overloaded")]);
    expect(endings).toEqual([false, true, true]);
    // Somebody else's: another one would not help this connection.
    events.receive([error("conflict")]);
    events.receive([ending]);
    expect(endings).toEqual([false, true, true, false]);
  });

  test("SDK-80: is sent where frames can be sent; elsewhere the connection ends and another one goes on", () => {
    const socket = rig("websocket", { cursor: at(5) });
    socket.connection.goOnWith("next");
    expect([socket.sent, socket.kinds()]).toEqual([[Command.AUTHORIZE], []]);
    const stream = rig("sse", { cursor: at(5) });
    stream.connection.goOnWith("next");
    expect([stream.sent, stream.kinds()]).toEqual([[], ["ended anew"]]);
  });

  test("SDK-80: a tab that follows another one leaves it to that one", () => {
    const { events, endings } = rig("tab", { cursor: at(5) });
    events.receive([ending]);
    expect(endings).toEqual([]);
  });
});
