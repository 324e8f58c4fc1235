import { describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { withDeadline } from "../../../server/src/lib/interval.ts";
import { TIMING } from "../lib/timing.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Start, Transport, TransportEvents } from "./transports/transport.ts";
import { Upgrade } from "./upgrade.ts";

const READY = [{ type: Push.READY, data: {} }] as unknown as PushFrame[];

/** A transport that does what a test says when it is opened. */
function transport(name: Transport["name"], does: (on: TransportEvents, start: Start) => void) {
  const opened: Start[] = [];
  const made: Transport = {
    name,
    open(start, on) {
      opened.push(start);
      does(on, start);
      return {};
    },
  };
  return { made, opened };
}

interface Times {
  openMs?: number;
  readyMs?: number;
  upgradeMs?: number;
  now?: () => number;
}

function rig(transports: readonly Transport[], times: Times = {}) {
  const { now = Date.now, ...timing } = times;
  const found: string[] = [];
  const waiting: (() => void)[] = [];
  let better = transports;
  const upgrade = new Upgrade({
    timing: { ...TIMING, openMs: 40, readyMs: 40, upgradeMs: 5, ...timing },
    now,
    better: () => better,
    openWith: async () => ({ token: "t", idleSeconds: 120 }),
    found: (name) => {
      found.push(name);
      better = [];
      for (const tell of waiting) tell();
    },
  });
  const finding = () => new Promise<void>((resolve) => waiting.push(resolve));
  return { upgrade, found, finding: (what: string) => withDeadline(finding(), 4_500, what) };
}

describe("the way back to a better transport", () => {
  test("SDK-12: the best that shows READY is taken, those before it are ended, and they ask for nothing", async () => {
    const silent = transport("websocket", (on) => on.opened());
    const works = transport("sse", (on) => on.receive(READY));
    const { upgrade, found } = rig([silent.made, works.made]);
    await upgrade.probe(new AbortController().signal);
    expect(found).toEqual(["sse"]);
    const [first, second] = [silent.opened[0], works.opened[0]] as [Start, Start];
    expect([first.signal.aborted, second.signal.aborted]).toEqual([true, true]);
    expect([first.cursor, first.max, first.token, first.idleSeconds]).toEqual([undefined, undefined, "t", 120]);
    expect(upgrade.isProbing).toBe(false);
  });

  test.each([
    ["does not open", () => {}],
    ["opens and shows nothing", (on: TransportEvents) => on.opened()],
    ["shows something else", (on: TransportEvents) => on.receive([{ type: Push.ERROR, data: {} }] as never)],
    ["ends", (on: TransportEvents) => on.ended({ kind: "failed" })],
    [
      "cannot be opened",
      () => {
        throw new Error("the page's policy");
      },
    ],
  ])("SDK-12: one that %s is no better, and the next time it may be", async (_, does) => {
    const { made } = transport("websocket", does);
    const { upgrade, found } = rig([made]);
    await upgrade.probe(new AbortController().signal);
    expect([found, upgrade.isProbing]).toEqual([[], false]);
  });

  test("SDK-12: one that has opened has its whole time for READY, however short the time for opening is", async () => {
    const slow = transport("websocket", (on) => {
      on.opened();
      setTimeout(() => on.receive(READY), 100);
    });
    const { upgrade, found } = rig([slow.made], { openMs: 20, readyMs: 60_000 });
    await withDeadline(upgrade.probe(new AbortController().signal), 4_500, "READY");
    expect(found).toEqual(["websocket"]);
  });

  test("SDK-12: one that has opened and shows nothing ends when the time for READY is over", async () => {
    const { made } = transport("websocket", (on) => on.opened());
    const { upgrade, found } = rig([made], { openMs: 60_000, readyMs: 20 });
    await withDeadline(upgrade.probe(new AbortController().signal), 4_500, "the end of READY's time");
    expect(found).toEqual([]);
  });

  test("SDK-12: one that does not open ends when the time for opening is over", async () => {
    const { made } = transport("websocket", () => {});
    const { upgrade, found } = rig([made], { openMs: 20, readyMs: 60_000 });
    await withDeadline(upgrade.probe(new AbortController().signal), 4_500, "the end of the time for opening");
    expect(found).toEqual([]);
  });

  test("SDK-10: polls have nothing to show before they are used", async () => {
    const poll = transport("long-poll", () => {});
    const { upgrade, found } = rig([poll.made]);
    await upgrade.probe(new AbortController().signal);
    expect([found, poll.opened]).toEqual([["long-poll"], []]);
  });

  test("SDK-28: a stop ends what is being tried, and nothing is found any more", async () => {
    const stop = new AbortController();
    const first = transport("websocket", () => stop.abort());
    const poll = transport("long-poll", () => {});
    const { upgrade, found } = rig([first.made, poll.made]);
    await upgrade.probe(stop.signal);
    expect([found, first.opened[0]?.signal.aborted]).toEqual([[], true]);
  });

  test("SDK-12: two tries are never made at once", async () => {
    const silent = transport("websocket", () => {});
    const { upgrade } = rig([silent.made]);
    const { signal } = new AbortController();
    const first = upgrade.probe(signal);
    expect(upgrade.isProbing).toBe(true);
    await Promise.all([first, upgrade.probe(signal)]);
    expect(silent.opened).toHaveLength(1);
  });

  test("SDK-12: without a token nothing is tried, and the next time asks again", async () => {
    const works = transport("websocket", (on) => on.receive(READY));
    let asked = 0;
    const upgrade = new Upgrade({
      timing: TIMING,
      now: Date.now,
      better: () => [works.made],
      openWith: () =>
        ++asked === 1 ? Promise.reject(new Error("no token")) : Promise.resolve({ token: "t" } as never),
      found: () => {},
    });
    const { signal } = new AbortController();
    await upgrade.probe(signal);
    await upgrade.probe(signal);
    expect([asked, works.opened.length, upgrade.isProbing]).toEqual([2, 1, false]);
  });
});

describe("when it is tried", () => {
  const signals = () => {
    const connection = new AbortController();
    return { connection, given: { connection: connection.signal, client: new AbortController().signal } };
  };

  test("SDK-12: again and again, until it works", async () => {
    let opened = 0;
    const { made } = transport("websocket", (on) => (++opened < 3 ? on.ended({ kind: "failed" }) : on.receive(READY)));
    const { upgrade, finding } = rig([made]);
    const end = finding("a third try");
    upgrade.watch(signals().given);
    await end;
    expect(opened).toBe(3);
  });

  test("SDK-12: the time goes on over connections that are cut, and begins anew after each try", async () => {
    let now = 1_000;
    const { made, opened } = transport("websocket", (on) => on.ended({ kind: "failed" }));
    const { upgrade } = rig([made], { upgradeMs: 100, now: () => now });
    for (const _ of [1, 2, 3]) {
      const { connection, given } = signals();
      upgrade.watch(given);
      now += 40;
      connection.abort();
    }
    const { connection, given } = signals();
    upgrade.watch(given);
    // Its time has come: the timer is at once.
    await withDeadline(
      until(() => opened.length === 1),
      4_500,
      "a try",
    );
    connection.abort();
  });

  test("SDK-12: a try that fails is followed by the whole time, not by another one at once", async () => {
    const at: number[] = [];
    const { made } = transport("websocket", (on) => {
      at.push(performance.now());
      on.ended({ kind: "failed" });
    });
    const { upgrade } = rig([made], { upgradeMs: 60 });
    const { connection, given } = signals();
    upgrade.watch(given);
    await withDeadline(
      until(() => at.length === 2),
      4_500,
      "a second try",
    );
    connection.abort();
    // A timer may be a millisecond early.
    expect((at[1] as number) - (at[0] as number)).toBeGreaterThanOrEqual(58);
  });

  test("SDK-12: at the best transport the time is forgotten: after a later fall it is the whole one again", async () => {
    let now = 1_000;
    const { made, opened } = transport("websocket", (on) => on.ended({ kind: "failed" }));
    const better = [made];
    const upgrade = new Upgrade({
      timing: { ...TIMING, upgradeMs: 1_000 },
      now: () => now,
      better: () => better,
      openWith: async () => ({ token: "t", idleSeconds: undefined }),
      found: () => {},
    });
    const connect = () => {
      const { connection, given } = signals();
      upgrade.watch(given);
      return connection;
    };
    connect().abort();
    better.length = 0;
    connect().abort();
    now += 1_000;
    better.push(made);
    const last = connect();
    // Proves an absence: its time would have come.
    await Bun.sleep(20);
    last.abort();
    expect(opened).toEqual([]);
  });

  test("SDK-28: nothing is tried after the connection has ended", async () => {
    const { made, opened } = transport("websocket", () => {});
    const { upgrade } = rig([made]);
    const { connection, given } = signals();
    upgrade.watch(given);
    connection.abort();
    // Proves an absence: it would have been tried four times.
    await Bun.sleep(20);
    expect(opened).toEqual([]);
  });

  test("SDK-27: a clock that is set back puts no try off", async () => {
    let now = 1_000_000;
    const { made } = transport("websocket", (on) => on.receive(READY));
    const { upgrade, finding } = rig([made], { upgradeMs: 20, now: () => now });
    const { connection, given } = signals();
    upgrade.watch(given);
    now = 0;
    connection.abort();
    const end = finding("a try");
    upgrade.watch(signals().given);
    await end;
  });
});

async function until(is: () => boolean): Promise<void> {
  while (!is()) await Bun.sleep(1);
}
