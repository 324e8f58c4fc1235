import { describe, expect, test } from "bun:test";
import { BEGINNING, FACTS, HAPPENINGS, MEMORY, machineAt, outcome, RELOADING, STATES } from "../../test/rig/machine.ts";
import { ParleyError } from "../api/parley-error.ts";
import { TIMING } from "../lib/timing.ts";
import { newFallback } from "./fallback.ts";
import type { Happening, Machine } from "./states.ts";
import { step } from "./table.ts";

const AGAIN = "preparing, prepare";
const WAIT = "waiting, leave, timer 500, tell waiting offline";

const closed = (code: number, reason = ""): Happening => ({ kind: "ended", end: { kind: "closed", code, reason } });

describe("what is remembered", () => {
  test("SDK-26: each failure doubles the bound; a connection of 5 s, and no shorter one, begins anew", () => {
    const { tell, connect, memory } = machineAt();
    const waited = [1, 2, 3].map(() => {
      connect();
      const told = tell(HAPPENINGS.ended, { now: FACTS.now + 4_999, random: 1 });
      tell(HAPPENINGS.time);
      return told.match(/timer (\d+)/)?.[1];
    });
    expect(waited).toEqual(["1000", "2000", "4000"]);
    connect();
    expect(tell(HAPPENINGS.ended, { now: FACTS.now + 5_000, random: 1 })).toContain("timer 1000");
    expect(memory().failures).toBe(1);
  });

  test.each(["better", "handover", "ended"] as const)(
    "SDK-26: a connection that lasted 5 s has mended what failed before, also where %s ends it",
    (what) => {
      for (const [lasted, failures] of [
        [4_999, 2],
        [5_000, 0],
      ] as const) {
        const { tell, memory } = machineAt(MEMORY, { kind: "live", by: "sse", since: FACTS.now - lasted });
        tell(HAPPENINGS[what]);
        expect(memory().failures).toBe(failures + (what === "ended" ? 1 : 0));
      }
    },
  );

  test("SDK-10: after five failures in a row the best transport has another turn, and not before", () => {
    const { tell, memory } = machineAt({ ...MEMORY, failures: 3 });
    const fail = () => {
      tell(HAPPENINGS.prepared);
      tell(HAPPENINGS.ended);
      tell(HAPPENINGS.failed);
      tell(HAPPENINGS.time);
    };
    fail();
    expect([memory().failures, memory().fallback.level]).toEqual([4, 1]);
    fail();
    expect([memory().failures, memory().fallback.level]).toEqual([5, 0]);
  });

  test("SDK-10: what has carried is given a second try, and the count of it begins anew when it carries again", () => {
    const { tell, connect, memory } = machineAt();
    connect();
    tell(closed(1006));
    tell(HAPPENINGS.time);
    const silent = () => {
      tell(HAPPENINGS.prepared);
      tell(HAPPENINGS.opened);
      return tell(HAPPENINGS.time);
    };
    expect(silent()).toStartWith("waiting");
    tell(HAPPENINGS.time);
    connect();
    tell(closed(1006));
    tell(HAPPENINGS.time);
    expect(silent()).toStartWith("waiting");
    tell(HAPPENINGS.time);
    expect([silent(), memory().fallback.level]).toEqual([AGAIN, 1]);
  });

  test("SDK-26: a wait ends at a whole number, and not before its time", () => {
    const live: Machine = { memory: MEMORY, state: { kind: "live", by: "sse", since: FACTS.now } };
    const { effects } = step(live, HAPPENINGS.ended, { ...FACTS, random: 1 / 3 });
    const state = effects.flatMap((effect) => (effect.kind === "tell" ? [effect.state] : []))[0];
    const ms = effects.flatMap((effect) => (effect.kind === "timer" ? [effect.ms] : []))[0];
    expect(ms).not.toBe(Math.round(ms as number));
    expect(state).toMatchObject({ kind: "waiting", until: Math.ceil(FACTS.now + (ms as number)) });
  });

  test("SDK-14: an answer ends every other wait at most, until something connects", () => {
    const { tell, connect } = machineAt();
    const fail = () => {
      tell(HAPPENINGS.prepared);
      tell(HAPPENINGS.ended);
      tell(HAPPENINGS.failed);
    };
    fail();
    expect(tell(HAPPENINGS["request-answered"])).toBe(AGAIN);
    fail();
    expect(tell(HAPPENINGS["request-answered"])).toBe("waiting");
    expect(tell(HAPPENINGS.time)).toBe(AGAIN);
    fail();
    expect(tell(HAPPENINGS["request-answered"])).toBe(AGAIN);
    connect();
    tell(HAPPENINGS.ended);
    expect(tell(HAPPENINGS["request-answered"])).toBe(AGAIN);
  });

  test.each(["start", "online", "focus", "request-answered"] as const)(
    "SDK-24: %s cuts no wait that the server named",
    (what) => {
      const { tell } = machineAt(MEMORY, { kind: "waiting", why: "offline", serverNamedTime: true, next: undefined });
      expect(tell(HAPPENINGS[what])).toBe("waiting");
    },
  );

  test.each(["busy", "policy", "refused", "restart"] as const)("SDK-14: an answer ends no wait that is %s", (why) => {
    const { tell } = machineAt(MEMORY, { kind: "waiting", why, serverNamedTime: false, next: undefined });
    expect(tell(HAPPENINGS["request-answered"])).toBe("waiting");
  });

  test("SDK-31: a wait before a reading ends in that reading, however it ends", () => {
    for (const what of ["time", "online", "request-answered"] as const) {
      const { tell } = machineAt(MEMORY, { kind: "waiting", why: "offline", serverNamedTime: false, next: RELOADING });
      expect(tell(HAPPENINGS[what])).toBe("reloading, tell catching-up, reload");
    }
  });

  test("SDK-30: the third RESYNC in a row waits before state is read; one after a connection that lasted does not", () => {
    const { tell, connect } = machineAt();
    const resync: Happening = { kind: "ended", end: { kind: "resync", resyncs: RELOADING.resyncs } };
    const read = "reloading, leave, tell-resyncs, tell catching-up, reload";
    for (const _ of [1, 2]) {
      connect();
      expect(tell(resync)).toBe(read);
      tell(HAPPENINGS.reloaded);
    }
    connect();
    expect(tell(resync)).toBe("waiting, leave, tell-resyncs, leave, timer 500, tell waiting offline");
    expect(tell(HAPPENINGS.time)).toStartWith("reloading");
    tell(HAPPENINGS.reloaded);
    connect();
    expect(tell(resync, { now: FACTS.now + 5_000 })).toBe(read);
  });

  test("SDK-33: 1009 is answered by polling for a shorter cursor, once; refused again, the next transport takes over", () => {
    const { tell, memory } = machineAt();
    tell(HAPPENINGS.prepared);
    expect(tell(closed(1009))).toStartWith("waiting");
    tell(HAPPENINGS.time);
    expect(tell(HAPPENINGS.prepared)).toContain("open short-poll to shorten");
    expect(tell({ kind: "ended", end: { kind: "done" } })).toBe(AGAIN);
    expect(tell(HAPPENINGS.prepared)).toContain("open websocket");
    tell(closed(1009));
    tell(HAPPENINGS.time);
    expect([memory().fallback.level, tell(HAPPENINGS.prepared)]).toEqual([
      1,
      "opening, tell connecting, open sse, timer 10000",
    ]);
  });

  test("SDK-33: once a connection was live, a cursor refused as too long is shortened again", () => {
    const { tell, connect, memory } = machineAt();
    for (const _ of [1, 2, 3]) {
      tell(HAPPENINGS.prepared);
      tell(closed(1009));
      tell(HAPPENINGS.time);
      expect(tell(HAPPENINGS.prepared)).toContain("open short-poll to shorten");
      tell({ kind: "ended", end: { kind: "done" } });
      connect();
      tell({ kind: "ended", end: { kind: "anew" } });
    }
    expect(memory().fallback.level).toBe(0);
  });

  test("SDK-33: a long cursor is shortened where it has no room, and polls take it as it is", () => {
    const long = { isCursorLong: true };
    const { tell, memory } = machineAt();
    expect(tell(HAPPENINGS.prepared, long)).toContain("open short-poll to shorten");
    expect(tell({ kind: "ended", end: { kind: "done" } }, long)).toBe(AGAIN);
    expect([memory().fallback.level, tell(HAPPENINGS.prepared, long)]).toEqual([
      1,
      "opening, tell connecting, open short-poll to shorten",
    ]);
    tell({ kind: "ended", end: { kind: "done" } }, long);
    expect(tell(HAPPENINGS.prepared, long)).toContain("open long-poll");
  });

  test("SDK-33: where there are no polls, each cursor that comes back long is a failure, and the next try waits for longer", () => {
    const fallback = newFallback(["websocket"]);
    const { tell } = machineAt({ ...BEGINNING, fallback });
    const waits = [1, 2, 3].map(() => {
      tell(HAPPENINGS.prepared, { isCursorLong: true });
      const told = tell({ kind: "ended", end: { kind: "done" } }, { isCursorLong: true, random: 1 });
      tell(HAPPENINGS.time);
      return told.match(/timer (\d+)/)?.[1];
    });
    expect(waits).toEqual(["2000", "4000", "8000"]);
  });

  test("SDK-12: pushed out by the transport that is being tried, it goes on at once; by another client it stops", () => {
    const pushedOut = closed(4029);
    expect(outcome({ memory: MEMORY, state: STATES.live }, pushedOut, { isProbing: true })).toBe(AGAIN);
    expect(outcome({ memory: MEMORY, state: STATES.live }, pushedOut)).toBe("replaced, leave, tell stopped replaced");
  });

  test("SDK-30: a cursor that is refused is told as `malformed`, and everything is read", () => {
    const refused: Happening = {
      kind: "ended",
      end: { kind: "refused", status: 400, code: "cursor_malformed", retryAfterMs: undefined },
    };
    const { machine, effects } = step({ memory: MEMORY, state: STATES.live }, refused, FACTS);
    expect(effects).toContainEqual({ kind: "tell-resyncs", resyncs: [{ stream: "*", why: "malformed" }] });
    expect(effects).toContainEqual({ kind: "reload", what: { everything: true, roomIds: [] } });
    expect(machine.state).toMatchObject({ kind: "reloading", reloading: { by: "sse", resyncs: [], failures: 0 } });
  });

  test("SDK-22: a person who looks again finds no earlier failures", () => {
    const { tell, memory } = machineAt(MEMORY, STATES.replaced);
    tell(HAPPENINGS.focus);
    expect(memory().failures).toBe(0);
  });

  test("SDK-21: after DRAIN, whatever ends the connection, the wait is the one that was named", () => {
    for (const what of [HAPPENINGS.offline, HAPPENINGS.ended, closed(1012)]) {
      const { tell, state } = machineAt(MEMORY, STATES.live);
      expect(tell(what, { drainMs: 7_000 })).toBe("waiting, leave, timer 7000, tell waiting restart");
      expect(state()).toMatchObject({ serverNamedTime: true });
    }
  });

  test("SDK-28: a start forgets what was before, but for how far the transports went down", () => {
    const { tell, memory } = machineAt({ ...MEMORY, resyncs: 3, tooLong: 2, wasHurried: true }, STATES.stopped);
    tell(HAPPENINGS.start);
    expect(memory()).toEqual({ ...BEGINNING, fallback: MEMORY.fallback });
  });
});

describe("what a request's failure leads to", () => {
  const after = (state: keyof typeof STATES, error: unknown) =>
    outcome({ memory: MEMORY, state: STATES[state] }, { kind: "failed", error });
  const refusal = (status: number, code: string, retryAfterMs?: number) =>
    new ParleyError(status, { code }, retryAfterMs);

  test("SDK-23: no token: a refusal stops, everything else waits, as long as it says", () => {
    expect(after("preparing", refusal(401, "unauthorized"))).toBe("stopped, release, tell stopped sign-in-refused");
    expect(after("preparing", new ParleyError(401))).toBe("waiting, leave, timer 500, tell waiting refused");
    expect(after("preparing", new Error("the product's"))).toBe(WAIT);
    expect(after("preparing", refusal(429, "rate_limited", 9_000))).toBe(
      "waiting, leave, timer 9000, tell waiting busy",
    );
  });

  test("SDK-26: waits for a token grow with each failure", () => {
    const { tell } = machineAt(BEGINNING, STATES.preparing);
    const waits = [1, 2, 3].map(() => {
      const told = tell(HAPPENINGS.failed, { random: 1 });
      tell(HAPPENINGS.time);
      return told.match(/timer (\d+)/)?.[1];
    });
    expect(waits).toEqual(["1000", "2000", "4000"]);
  });

  test("SDK-11, SDK-29: the plain request: no answer waits, a refusal is told, the server's word counts", () => {
    for (const status of [0, 500, 502, 504]) expect(after("asking", new ParleyError(status))).toBe(WAIT);
    expect(after("asking", new ParleyError(404))).toBe("waiting, leave, timer 500, tell waiting refused");
    expect(after("asking", new ParleyError(503, {}, 4_000))).toBe("waiting, leave, timer 4000, tell waiting busy");
    expect(after("asking", refusal(401, "unauthorized"))).toBe("stopped, release, tell stopped revoked");
    expect(after("asking", refusal(403, "banned"))).toBe("stopped, release, tell stopped banned");
  });

  test("SDK-32: state that cannot be read is read again, later each time; the end of the login stops", () => {
    expect(after("reloading", refusal(401, "unauthorized"))).toBe("stopped, release, tell stopped revoked");
    expect(after("reloading", new ParleyError(503, {}, 8_000))).toBe(
      "waiting, leave, timer 8000, tell waiting offline",
    );
    const { tell } = machineAt(BEGINNING, STATES.reloading);
    const waits = [1, 2, 3].map(() => {
      const told = tell(HAPPENINGS.failed, { random: 1 });
      tell(HAPPENINGS.time);
      return told.match(/timer (\d+)/)?.[1];
    });
    expect(waits).toEqual(["1000", "2000", "4000"]);
  });

  test("SDK-24, SDK-32: the way back of the network cuts a wait for state short, unless the server has named it", () => {
    for (const [error, next] of [
      [new ParleyError(503), "reloading, tell catching-up, reload"],
      [new ParleyError(503, {}, 8_000), "waiting"],
    ] as const) {
      const { tell } = machineAt(BEGINNING, STATES.reloading);
      tell({ kind: "failed", error });
      expect(tell(HAPPENINGS.online)).toBe(next);
    }
  });
});

describe("the end of a token that a function gave", () => {
  const revoked = { kind: "ended", end: { kind: "closed", code: 4001, reason: "" } } as const;
  const canRenew = { canRenew: true };
  const STOP = "stopped, release, tell stopped revoked";

  test("SDK-82: another one is asked for, once, until a connection has lasted", () => {
    const machine = machineAt(BEGINNING, STATES.live);
    expect(machine.tell(revoked, canRenew)).toBe("preparing, prepare");
    machine.connect();
    expect(machine.tell({ kind: "ended", end: { kind: "failed" } }, canRenew)).toStartWith("waiting");
    machine.tell(HAPPENINGS.time);
    machine.connect();
    expect(machine.tell(revoked, canRenew)).toBe(STOP);
    const lasting = machineAt(BEGINNING, STATES.live);
    lasting.tell(revoked, canRenew);
    lasting.connect();
    expect(lasting.tell(revoked, { ...canRenew, now: 1_000_000 + TIMING.stableMs })).toBe("preparing, prepare");
  });

  test("SDK-82: by a refusal of any kind of request; a token that is a text stops the client", () => {
    const unauthorized = new ParleyError(401, { code: "unauthorized" });
    const ways = [
      ["live", revoked],
      [
        "opening",
        { kind: "ended", end: { kind: "refused", status: 401, code: "unauthorized", retryAfterMs: undefined } },
      ],
      ["asking", { kind: "failed", error: unauthorized }],
    ] as const;
    for (const [state, happening] of ways) {
      const at = { memory: MEMORY, state: STATES[state] };
      expect(outcome(at, happening, canRenew)).toBe("preparing, prepare");
      expect(outcome({ ...at, memory: { ...MEMORY, wasRenewed: true } }, happening, canRenew)).toBe(STOP);
      expect(outcome(at, happening)).toBe(STOP);
    }
    // The requests of a reading ask for another token by themselves.
    const reading = { memory: MEMORY, state: STATES.reloading };
    expect(outcome(reading, { kind: "failed", error: unauthorized }, canRenew)).toBe(STOP);
  });

  test("SDK-80: where the next one cannot be sent, a connection with it follows at once", () => {
    expect(outcome({ memory: MEMORY, state: STATES.live }, { kind: "ended", end: { kind: "anew" } })).toBe(
      "preparing, prepare",
    );
  });
});
