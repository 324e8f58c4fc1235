import { describe, expect, spyOn, test } from "bun:test";
import { withDeadline } from "../../../server/src/lib/interval.ts";
import { MapStorage } from "../../test/rig/map-storage.ts";
import { ParleyError } from "../api/parley-error.ts";
import { TIMING } from "../lib/timing.ts";
import { Outgoing } from "./outgoing.ts";
import type { Sending } from "./sending.ts";
import { StoredSends } from "./stored-sends.ts";

const sending = (clientId: string, roomId = 1): Sending => ({
  roomId,
  request: { clientId, type: 1, body: { content: clientId } },
  author: { uid: undefined, token: undefined },
});
const stored = (clientId: string) => ({ message: { id: 1, clientId } });
const within = <T>(promise: Promise<T>, what: string) => withDeadline(promise, 4_500, what);

/** Sends whose answers a test gives; waits are as long as their bound. */
function rig(more: { max?: number; area?: MapStorage; backoffFirstMs?: number; random?: number } = {}) {
  const waiting: { sending: Sending; answer: (reply: unknown) => void; fail: (error: unknown) => void }[] = [];
  const asking: (() => void)[] = [];
  const told: string[] = [];
  const outgoing = new Outgoing({
    post: (sending) =>
      new Promise((answer, fail) => {
        waiting.push({ sending, answer, fail });
        for (const look of asking.splice(0)) look();
      }),
    kept: more.area && new StoredSends(more.area, "ann"),
    max: more.max ?? 10,
    random: () => more.random ?? 0,
    timing: { ...TIMING, backoffFirstMs: more.backoffFirstMs ?? 1, backoffMaxMs: 3_600_000 },
    onSent: ({ request }) => void told.push(`sent ${request.clientId}`),
    onRefused: ({ request }, { code }) => void told.push(`refused ${request.clientId} ${code}`),
  });
  /** The next request that comes. */
  const next = async () => {
    while (waiting.length === 0) {
      await within(new Promise<void>((resolve) => asking.push(resolve)), "a request");
    }
    return waiting.shift() as (typeof waiting)[number];
  };
  return { outgoing, next, told, underWay: () => waiting.length };
}
const refusal = (status: number, code: string, retryAfterMs?: number) =>
  new ParleyError(status, { code }, retryAfterMs);
const turn = () => Bun.sleep(0);
/** What follows from an answer happens, and no timer runs. */
const settled = async () => {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
};

describe("sends", () => {
  test("SDK-42: as many may wait as `maxWaiting` says, and not one more", async () => {
    const { outgoing } = rig({ max: 2 });
    const [one, two] = [outgoing.send(sending("a")), outgoing.send(sending("b"))];
    for (const waits of [one, two]) waits.catch(() => {});
    expect(outgoing.waiting).toBe(2);
    expect(await outgoing.send(sending("c")).catch((error: ParleyError) => error.code)).toBe("queue_full");
    expect(outgoing.waiting).toBe(2);
  });

  test("SDK-41: rooms do not wait for each other, messages of one room do", async () => {
    const { outgoing, next, underWay, told } = rig();
    outgoing.start();
    for (const [id, room] of [
      ["a", 1],
      ["b", 1],
      ["c", 2],
    ] as const)
      void outgoing.send(sending(id, room));
    const [a, c] = [await next(), await next()];
    expect([a.sending.request.clientId, c.sending.request.clientId, underWay()]).toEqual(["a", "c", 0]);
    a.answer(stored("a"));
    (await next()).answer(stored("b"));
    await turn();
    expect([told, outgoing.waiting]).toEqual([["sent a", "sent b"], 1]);
  });

  test("SDK-41: a room that had nothing left sends again", async () => {
    const { outgoing, next, told } = rig();
    outgoing.start();
    for (const id of ["a", "b"]) {
      const sent = outgoing.send(sending(id));
      (await next()).answer(stored(id));
      await within(sent, "the send");
      await turn();
    }
    expect(told).toEqual(["sent a", "sent b"]);
  });

  test("SDK-41: one that was under way when it was stopped and started is followed by the next", async () => {
    const { outgoing, next, told } = rig();
    outgoing.start();
    for (const id of ["a", "b"]) void outgoing.send(sending(id));
    const first = await next();
    outgoing.stop();
    outgoing.start();
    first.answer(stored("a"));
    (await next()).answer(stored("b"));
    await turn();
    expect(told).toEqual(["sent a", "sent b"]);
  });

  test("SDK-28: after a stop nothing is sent, also where a wait was under way", async () => {
    const { outgoing, next, underWay } = rig({ backoffFirstMs: 5 });
    outgoing.start();
    void outgoing.send(sending("a"));
    const first = await next();
    using timers = spyOn(globalThis, "setTimeout");
    first.fail(refusal(0, "offline"));
    await settled();
    expect(timers).toHaveBeenCalledTimes(1);
    outgoing.stop();
    // Proves an absence: the wait would have been over.
    await Bun.sleep(20);
    expect([underWay(), outgoing.waiting]).toEqual([0, 1]);
    outgoing.start();
    expect((await next()).sending.request.clientId).toBe("a");
  });

  test("SDK-28: a request that fails after a stop leaves no wait behind: the next start sends at once", async () => {
    const { outgoing, next } = rig({ backoffFirstMs: 3_600_000 });
    outgoing.start();
    void outgoing.send(sending("a"));
    const first = await next();
    outgoing.stop();
    first.fail(refusal(0, "offline"));
    await turn();
    outgoing.start();
    expect((await next()).sending.request.clientId).toBe("a");
    outgoing.stop();
  });

  test("SDK-42: what is refused for good is told once, and the next one goes", async () => {
    const { outgoing, next, told } = rig();
    outgoing.start();
    const [a, b] = ["a", "b"].map((id) => outgoing.send(sending(id)).catch((error: ParleyError) => error.code));
    (await next()).fail(refusal(403, "muted"));
    expect(await within(a as Promise<unknown>, "the refusal")).toBe("muted");
    (await next()).answer(stored("b"));
    await within(b as Promise<unknown>, "the send");
    expect(told).toEqual(["refused a muted", "sent b"]);
  });

  test.each([
    [401, "unauthorized"],
    [403, "banned"],
    [403, "account_disabled"],
    [403, "unknown"],
    [429, "rate_limited"],
    [500, "internal"],
    [0, "offline"],
  ])("SDK-42, SDK-45: %d %s refuses nothing: the same message is tried again", async (status, code) => {
    const { outgoing, next, told } = rig();
    outgoing.start();
    const sent = outgoing.send(sending("a"));
    (await next()).fail(refusal(status, code));
    const again = await next();
    expect([again.sending.request.clientId, told]).toEqual(["a", []]);
    again.answer(stored("a"));
    await within(sent, "the send");
  });

  test("SDK-14: when the server can be reached again a wait ends at once", async () => {
    const { outgoing, next } = rig({ backoffFirstMs: 3_600_000 });
    outgoing.start();
    void outgoing.send(sending("a"));
    (await next()).fail(refusal(0, "offline"));
    await turn();
    outgoing.wake();
    await next();
    outgoing.stop();
  });

  test("SDK-28: a wait that is over is forgotten", async () => {
    const { outgoing, next } = rig();
    outgoing.start();
    void outgoing.send(sending("a"));
    for (const _ of [1, 2, 3]) (await next()).fail(refusal(0, "offline"));
    await next();
    const ended = spyOn(globalThis, "clearTimeout");
    try {
      outgoing.wake();
      expect(ended).not.toHaveBeenCalled();
    } finally {
      ended.mockRestore();
      outgoing.stop();
    }
  });

  test("SDK-24: a wait that the server named ends by nothing else, also not by a stop and a start", async () => {
    const { outgoing, next, underWay } = rig();
    let now = 1_000;
    const clock = spyOn(performance, "now").mockImplementation(() => now);
    try {
      outgoing.start();
      void outgoing.send(sending("a"));
      (await next()).fail(refusal(429, "rate_limited", 20));
      await settled();
      outgoing.wake();
      await settled();
      expect(underWay()).toBe(0);
      outgoing.stop();
      outgoing.start();
      await settled();
      expect(underWay()).toBe(0);
      now += 19;
      outgoing.wake();
      await settled();
      expect(underWay()).toBe(0);
      now += 1;
      await next();
    } finally {
      clock.mockRestore();
    }
  });

  test("SDK-26: waits grow with each failure of a message, and the next message begins with the shortest", async () => {
    const waits: number[] = [];
    const { setTimeout: later } = globalThis;
    const timers = spyOn(globalThis, "setTimeout").mockImplementation(((run: () => void, ms: number) => {
      // Tests of other files may still wait for something, and this test has a deadline.
      if (/sending\/outgoing\.ts/.test(new Error().stack ?? "")) waits.push(ms);
      return later(run, Math.min(ms, 4_500));
    }) as never);
    try {
      const { outgoing, next } = rig({ backoffFirstMs: 1, random: 1 });
      outgoing.start();
      for (const id of ["a", "b"]) void outgoing.send(sending(id)).catch(() => {});
      for (const _ of [1, 2, 3]) (await next()).fail(refusal(0, "offline"));
      (await next()).answer(stored("a"));
      (await next()).fail(refusal(0, "offline"));
      await next();
      outgoing.stop();
    } finally {
      timers.mockRestore();
    }
    expect(waits).toEqual([2, 4, 8, 2]);
  });
});

describe("what a storage keeps", () => {
  test("SDK-43: malformed entries are left alone, and do not disturb the order of others", () => {
    const area = new MapStorage();
    const entry = (clientId: string, at: unknown, owner = "ann") =>
      area.setItem(`parley.send.${owner}.${clientId}`, JSON.stringify({ at, ...sending(clientId), uid: 1 }));
    for (const [clientId, at] of [
      ["c", 3],
      ["x", null],
      ["a", 1],
      ["y", "2"],
      ["b", 2],
    ] as const)
      entry(clientId, at);
    entry("d", 4, "ben");
    area.setItem("parley.send.ann.z", "{");
    area.setItem("other", "{}");
    const kept = new StoredSends(area, "ann");
    expect(kept.all().map(({ request }) => request.clientId)).toEqual(["a", "b", "c"]);
    expect(area.length).toBe(8);
  });

  test("SDK-43: an entry goes when its message is stored or refused, and stays where another user is signed in", async () => {
    const area = new MapStorage();
    const { outgoing, next } = rig({ area });
    outgoing.start();
    const ids = ["a", "b", "c"];
    const ends = ids.map((id) => outgoing.send(sending(id)).catch((error: ParleyError) => error.code));
    expect(area.length).toBe(3);
    (await next()).answer(stored("a"));
    (await next()).fail(refusal(403, "muted"));
    (await next()).fail(refusal(0, "other_user"));
    expect(await within(Promise.all(ends.slice(1)), "the ends")).toEqual(["muted", "other_user"] as never);
    expect([area.length, area.getItem("parley.send.ann.c") !== null, outgoing.waiting]).toEqual([1, true, 0]);
    // A later client of the owner sends it.
    const later = rig({ area });
    expect(later.outgoing.waiting).toBe(1);
    later.outgoing.start();
    (await later.next()).answer(stored("c"));
    await turn();
    expect([later.told, area.length]).toEqual([["sent c"], 0]);
  });
});
