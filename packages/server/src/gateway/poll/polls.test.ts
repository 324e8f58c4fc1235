import { afterEach, beforeEach, expect, jest, spyOn, test } from "bun:test";
import { ChangeType, Push, userStream } from "@parley/protocol";
import { BEN, EventsRig } from "../../../test/events-rig.ts";
import { StillTime } from "../../../test/still-time.ts";
import { withDeadline } from "../../lib/interval.ts";
import { ProblemError } from "../../lib/problem.ts";

const DISABLED = new ProblemError("account_disabled");

let rig: EventsRig;
beforeEach(async () => {
  rig = await EventsRig.open();
});
afterEach(async () => {
  jest.useRealTimers();
  await rig.close();
});

const seqs = (frames: readonly string[]) => frames.map((frame) => JSON.parse(frame).seq);
const start = () => `${rig.log.scratch.epoch};*@0`;

test("TR-47: one reader is kept for a login: going on where the last reply ended asks for nothing again", async () => {
  let { cursor } = await rig.poll({ cursor: start() });
  expect(rig.windowsAsked).toBe(1);
  for (let round = 1; round <= 20; round++) {
    await rig.say(round % 2);
    const reply = await rig.poll({ cursor });
    expect(reply.frames).toHaveLength(round % 2);
    cursor = reply.cursor;
  }
  const hung = rig.poll({ cursor, waitMs: 60_000 });
  await rig.hanging(1);
  await rig.say(1);
  expect(seqs((await hung).frames)).toEqual([11]);
  expect([rig.windowsAsked, rig.outboxes.length]).toEqual([1, 1]);
});

test("TR-47: a poll that hangs has no timer and reads nothing, whatever happens elsewhere", async () => {
  await rig.log.scratch.connect();
  const begun = [spyOn(globalThis, "setTimeout"), spyOn(globalThis, "setInterval")];
  const ended = spyOn(globalThis, "clearTimeout");
  const hung = [1, 2, 3].map(() => rig.poll({ waitMs: 60_000 }));
  await rig.hanging(3);
  const queries = spyOn(rig.log.scratch.db.getExecutor(), "executeQuery");
  for (let i = 0; i < 5; i++) await rig.log.append({ stream: "room:99" });
  const cleared = new Set<unknown>(ended.mock.calls.map(([timer]) => timer));
  // Those that PostgreSQL's readers had while the polls began are over.
  const timers = begun.flatMap(({ mock }) => mock.results.filter(({ value }) => !cleared.has(value)));
  expect([timers.length, queries.mock.calls.length]).toEqual([0, 0]);
  await rig.log.reader.end();
  expect(queries).toHaveBeenCalledTimes(1);
  for (const spy of [...begun, ended, queries]) spy.mockRestore();
  await rig.say(1);
  expect((await Promise.all(hung)).map(({ frames }) => seqs(frames))).toEqual([[1], [1], [1]]);
});

test("TR-47: of polls that were answered nothing stays", async () => {
  const heapBytes = () => {
    Bun.gc(true);
    return process.memoryUsage().heapUsed;
  };
  const ask = async (count: number) => {
    for (let n = 0; n < count; n++) await rig.poll({ cursor: undefined });
  };
  await ask(1_000);
  const before = heapBytes();
  await ask(20_000);
  expect(heapBytes() - before).toBeLessThan(2_000_000);
}, 20_000);

test("TR-42: an old cursor gets the same events again, as often as it comes", async () => {
  await rig.say(5);
  const first = await rig.poll({ cursor: start(), limit: 3 });
  const again = await rig.poll({ cursor: start(), limit: 3 });
  const rest = await rig.poll({ cursor: again.cursor });
  expect([first.frames, again.frames].map(seqs)).toEqual([
    [1, 2, 3],
    [1, 2, 3],
  ]);
  expect([again.cursor, seqs(rest.frames)]).toEqual([first.cursor, [4, 5]]);
});

test("TR-41: `more` says whether the limit cut something off", async () => {
  await rig.say(5);
  const replies = [];
  for (const limit of [2, 3, 5, 6]) replies.push(await rig.poll({ cursor: start(), limit }));
  expect(replies.map(({ frames, more }) => [frames.length, more])).toEqual([
    [2, true],
    [3, true],
    [5, false],
    [5, false],
  ]);
});

test("TR-41: `more` is right also where the limit is as long as what is read at once", async () => {
  await rig.say(75);
  await rig.say(75);
  const first = await rig.poll({ cursor: start(), limit: 100 });
  expect([first.frames.length, first.more]).toEqual([100, true]);
  const rest = await rig.poll({ cursor: first.cursor, limit: 50 });
  expect([rest.frames.length, rest.more]).toEqual([50, false]);
});

test("TR-49: a frame that is not logged does not end a poll that hangs", async () => {
  const hung = rig.poll({ waitMs: 60_000 });
  await rig.hanging(1);
  rig.hub.publishFrame("room:1", '{"type":5}');
  expect(rig.polls.hanging).toBe(1);
  await rig.say(1);
  expect(seqs((await hung).frames)).toEqual([1]);
});

test("TR-41: a reply of long frames is closed before its limit, and the rest comes with the next ones", async () => {
  const text = "x".repeat(30_000);
  await rig.log.append(...Array.from({ length: 150 }, () => ({ stream: "room:1", data: { text } })));
  const replies = [];
  for (let cursor = start(), more = true; more; ) {
    const reply = await rig.poll({ cursor, limit: 1000 });
    ({ cursor, more } = reply);
    replies.push(reply.frames);
  }
  expect(replies.flatMap(seqs)).toEqual(Array.from({ length: 150 }, (_, i) => i + 1));
  const longest = Math.max(...replies.map((frames) => frames.join("").length));
  expect(longest).toBeLessThan(524_288 + 31_000);
  expect(replies.length).toBeGreaterThan(2);
});

test("TR-42: events that were read and not handed out, since reading more failed, come with the next poll", async () => {
  const { cursor } = await rig.poll({ cursor: start() });
  await rig.say(3);
  const outbox = rig.outboxes[0];
  if (!outbox) throw new Error("no outbox");
  const next = outbox.next.bind(outbox);
  let calls = 0;
  outbox.next = async () => {
    calls += 1;
    if (calls > 1) throw new Error("the disk is gone");
    return next(1);
  };
  await expect(rig.poll({ cursor })).rejects.toThrow("the disk is gone");
  await rig.say(1);
  expect(seqs((await rig.poll({ cursor })).frames)).toEqual([1, 2, 3, 4]);
});

test("TR-44: a poll that hangs has what woke it, also in a room that is joined meanwhile", async () => {
  const hung = rig.poll({ waitMs: 60_000 });
  await rig.hanging(1);
  await rig.say(1);
  const first = await hung;
  expect(seqs(first.frames)).toEqual([1]);
  const again = rig.poll({ cursor: first.cursor, waitMs: 60_000 });
  await rig.hanging(1);
  const data = { roomId: 2, uid: BEN, changeType: 1, seq: 1 };
  await rig.log.append({ stream: "room:2", type: 11, data }, { stream: userStream(BEN), type: 11, data });
  const joined = await again;
  const third = rig.poll({ cursor: joined.cursor, waitMs: 60_000 });
  await rig.log.append({ stream: "room:2" });
  const rest = [...joined.frames, ...(await third).frames].map((frame) => JSON.parse(frame).stream);
  expect(rest.slice(0, 2).sort()).toEqual(["room:2", userStream(BEN)]);
  expect(rest).toContain("room:2");
});

test("TR-45: a poll ends when its client goes; its cursor still holds and needs no new reader", async () => {
  const client = new AbortController();
  const { cursor } = rig;
  const hung = rig.poll({ cursor, waitMs: 60_000, signal: client.signal });
  await rig.hanging(1);
  client.abort();
  expect((await hung).frames).toEqual([]);
  expect(rig.polls.hanging).toBe(0);
  await rig.say(2);
  expect(seqs((await rig.poll({ cursor })).frames)).toEqual([1, 2]);
  expect(rig.outboxes).toHaveLength(1);
});

test("CUR-7: a reader that is kept leaves the topic of a room with the event that says so", async () => {
  const data = { roomId: 1, uid: BEN, changeType: ChangeType.left };
  await rig.say(1);
  const { cursor } = await rig.poll({ cursor: start() });
  expect(rig.topics.size).toBe(2);
  await rig.log.append({ stream: "room:1", type: Push.MEMBER_CHANGE, data }, { stream: "room:1" });
  const reply = await rig.poll({ cursor });
  expect(seqs(reply.frames)).toEqual([2]);
  expect(rig.topics.size).toBe(1);
});

test("TR-46: of one user so many polls hang; one more, and the oldest is answered", async () => {
  const hung: ReturnType<typeof rig.poll>[] = [];
  for (const count of [1, 2, 3]) {
    hung.push(rig.poll({ waitMs: 60_000 }));
    await rig.hanging(count);
  }
  const fourth = rig.poll({ waitMs: 60_000 });
  const oldest = await withDeadline(hung[0] as (typeof hung)[0], 4500, "the oldest was not answered");
  expect(oldest.frames).toEqual([]);
  expect(rig.polls.hanging).toBe(3);
  await rig.say(1);
  const rest = await Promise.all([...hung.slice(1), fourth]);
  expect(rest.map(({ frames }) => seqs(frames))).toEqual([[1], [1], [1]]);
  expect(rig.polls.hanging).toBe(0);
});

test("TR-12: a login that ends while its poll is being answered gets nothing any more, hanging or not", async () => {
  const hung = rig.poll({ waitMs: 60_000 });
  await rig.hanging(1);
  const { promise, resolve } = Promise.withResolvers<void>();
  rig.beforeWindows = promise;
  const opening = rig.poll({ cursor: start() });
  const both = Promise.allSettled([hung, opening]);
  rig.polls.endLogins([1]);
  resolve();
  await rig.say(1);
  const refused = { status: "rejected", reason: { code: "unauthorized" } };
  expect(await both).toMatchObject([refused, refused]);
  expect([rig.polls.hanging, rig.topics.size]).toEqual([0, 0]);
});

test.each([
  ["unauthorized", () => rig.polls.endLogins([1])],
  ["account_disabled", () => rig.polls.endKeptOut(BEN, DISABLED)],
] as const)(
  "TR-12, ID-43: a poll whose login ends while its events are read is %s, and is not told them",
  async (code, end) => {
    await rig.say(1);
    const { promise, resolve } = Promise.withResolvers<void>();
    rig.beforeWindows = promise;
    const poll = Promise.allSettled([rig.poll({ cursor: start() })]);
    end();
    resolve();
    expect(await poll).toMatchObject([{ status: "rejected", reason: { code } }]);
  },
);

test("TR-12: polls that hang are refused as soon as their login ends, though nothing comes", async () => {
  const hung = [1, 2].map(() => rig.poll({ waitMs: 60_000 }));
  const all = Promise.allSettled(hung);
  await rig.hanging(2);
  rig.polls.endLogins([2]);
  expect(rig.polls.hanging).toBe(2);
  rig.polls.endLogins([1]);
  expect(rig.polls.hanging).toBe(0);
  const refused = { status: "rejected", reason: { code: "unauthorized" } };
  expect(await all).toMatchObject([refused, refused]);
});

test("ID-43: polls that hang are refused as soon as their account is disabled, and nobody else's", async () => {
  const hung = rig.poll({ waitMs: 60_000 });
  const other = rig.poll({ login: undefined, waitMs: 60_000 });
  await rig.hanging(2);
  rig.polls.endKeptOut(BEN + 1, DISABLED);
  expect(rig.polls.hanging).toBe(2);
  rig.polls.endKeptOut(BEN, DISABLED);
  expect(rig.polls.hanging).toBe(1);
  expect(await hung.catch((error: unknown) => error)).toMatchObject({ code: "account_disabled" });
  rig.polls.release();
  expect((await other).frames).toEqual([]);
});

test("TR-12: a login that ended just after it was looked up does not hang", async () => {
  rig.holds = false;
  await expect(rig.poll({ waitMs: 60_000 })).rejects.toMatchObject({ code: "unauthorized" });
});

test("TR-12: a poll does not hang beyond the end of its login", async () => {
  const login = { loginId: 1, uid: BEN, expiresAt: rig.clock.now() };
  const reply = await withDeadline(rig.poll({ login, waitMs: 60_000 }), 4500, "it hangs on");
  expect(reply.frames).toEqual([]);
});

test("TR-14: nothing is kept of a reader without a login: no view, no presence and no place among the limits", async () => {
  const first = await rig.poll({ login: undefined, cursor: start() });
  expect([rig.anonymous, rig.attached, rig.topics.size]).toEqual([0, 0, 0]);
  const hung = rig.poll({ login: undefined, cursor: first.cursor, waitMs: 60_000 });
  await rig.hanging(1);
  expect([rig.anonymous, rig.attached]).toEqual([1, 0]);
  await rig.say(1);
  expect(seqs((await hung).frames)).toEqual([1]);
  expect([rig.anonymous, rig.attached, rig.topics.size, rig.outboxes.length]).toEqual([0, 0, 0, 2]);
});

test("TR-14: logins that end do not concern who has none", async () => {
  const hung = rig.poll({ login: undefined, waitMs: 60_000 });
  await rig.hanging(1);
  rig.polls.endLogins([1]);
  expect(rig.polls.hanging).toBe(1);
  rig.polls.release();
  expect((await withDeadline(hung, 4500, "it was not released")).frames).toEqual([]);
});

test("TR-47: a question that fails once costs one poll: the same cursor is answered the next time, and nothing is lost", async () => {
  await rig.say(3);
  const first = await rig.poll({ cursor: start(), limit: 2 });
  expect(seqs(first.frames)).toEqual([1, 2]);
  const { cursor } = await rig.poll({ cursor: first.cursor });
  const failing = rig.poll({
    cursor,
    waitMs: 60_000,
    isLoginValid: async () => {
      throw new Error("the disk does not answer");
    },
  });
  await expect(failing).rejects.toThrow("the disk does not answer");
  expect([rig.polls.hanging, rig.topics.size]).toEqual([0, 0]);
  await rig.say(1);
  expect(seqs((await rig.poll({ cursor })).frames)).toEqual([4]);

  const built = rig.windowsAsked;
  rig.beforeWindows = Promise.reject(new Error("no windows"));
  rig.beforeWindows.catch(() => {});
  await expect(rig.poll({ cursor: start() })).rejects.toThrow("no windows");
  rig.beforeWindows = undefined;
  expect(seqs((await rig.poll({ cursor: start() })).frames)).toEqual([1, 2, 3, 4]);
  expect(rig.windowsAsked).toBe(built + 2);
});

test("TR-44: a poll is answered at once with what came, or because its client has gone, while it was asked whether its login holds", async () => {
  const { cursor } = rig;
  const said = async () => {
    await rig.say(1);
    return true;
  };
  // Reads once before it waits, and so subscribes.
  const first = await withDeadline(rig.poll({ cursor, waitMs: 60_000, isLoginValid: said }), 4500, "it hangs");
  expect(seqs(first.frames)).toEqual([1]);

  const client = new AbortController();
  const gone = async () => {
    client.abort();
    return true;
  };
  const ask = { cursor: first.cursor, waitMs: 60_000, isLoginValid: gone, signal: client.signal };
  expect((await withDeadline(rig.poll(ask), 4500, "it hangs for nobody")).frames).toEqual([]);
  expect(rig.polls.hanging).toBe(0);
});

test("DR-2, TR-47: after the release no poll hangs any more, and nothing is kept of readers; nor after a stop, or of a login that has ended", async () => {
  await rig.poll({ cursor: start() });
  expect(rig.topics.size).toBe(2);
  rig.polls.endLogins([2]);
  expect(rig.topics.size).toBe(2);
  rig.polls.endLogins([1]);
  expect(rig.topics.size).toBe(0);

  await rig.poll({ cursor: start() });
  const stop = rig.polls.start();
  stop();
  expect(rig.topics.size).toBe(0);

  rig.polls.release();
  const reply = await withDeadline(rig.poll({ waitMs: 60_000 }), 4500, "it hangs though it was released");
  expect([reply.frames, rig.polls.hanging, rig.topics.size]).toEqual([[], 0, 0]);
});

test("TR-47, TR-48: four times a second readers that nobody uses are dropped, and users who poll no longer are taken for gone", async () => {
  using time = new StillTime();
  await rig.poll({ cursor: start() });
  jest.useFakeTimers();
  const stop = rig.polls.start();
  const after = (ms: number) => {
    time.advance(ms);
    jest.advanceTimersByTime(250);
    return [rig.attached, rig.topics.size];
  };
  expect(after(39_999)).toEqual([1, 2]);
  expect(after(1)).toEqual([0, 2]);
  expect(after(79_999)).toEqual([0, 2]);
  expect(after(1)).toEqual([0, 0]);
  stop();
  expect(jest.getTimerCount()).toBe(0);
});

test("TR-48: a user is online for as long after the end of a poll that hung as after its beginning", async () => {
  using time = new StillTime();
  const hung = rig.poll({ waitMs: 60_000 });
  await rig.hanging(1);
  time.advance(39_000);
  await rig.say(1);
  await hung;
  jest.useFakeTimers();
  const stop = rig.polls.start();
  const after = (ms: number) => {
    time.advance(ms);
    jest.advanceTimersByTime(250);
    return rig.attached;
  };
  expect([after(39_999), after(1)]).toEqual([1, 0]);
  stop();
});
