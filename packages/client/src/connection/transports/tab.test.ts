import { describe, expect, test } from "bun:test";
import { withDeadline } from "../../../../server/src/lib/interval.ts";
import { Http } from "../../api/http.ts";
import { TIMING } from "../../lib/timing.ts";
import { TabTransport } from "./tab.ts";
import type { TabMessage } from "./tab-message.ts";
import type { TransportEvents } from "./transport.ts";

type Answer = { events?: object[]; cursor: string; more?: boolean } | number | (() => Answer);

/** A tab that reads by another one's connection, whose messages and whose polls' answers a test gives. */
function rig(more: { cursor?: string; pingMs?: number; hiddenPingMs?: number; answers?: Answer[] } = {}) {
  const posted: TabMessage[] = [];
  const told: string[] = [];
  const counts: number[] = [];
  const asked: (string | undefined)[] = [];
  const abort = new AbortController();
  const clock = { now: 1_000_000 };
  const looking: (() => void)[] = [];
  const look = () => {
    for (const one of looking) one();
  };
  const tell = (text: string) => {
    told.push(text);
    look();
  };
  let has = more.cursor;
  let steals = 0;
  const answers = [...(more.answers ?? [])];
  const http = new Http(
    "https://x",
    async (_, { body }) => {
      asked.push(JSON.parse(String(body)).cursor);
      look();
      let answer: Answer = answers.shift() ?? { cursor: "end" };
      while (typeof answer === "function") answer = answer();
      if (typeof answer === "number") return new Response("", { status: answer });
      return Response.json({ events: [], more: false, ...answer });
    },
    () => {},
  );
  const { pingMs = 3_600_000, hiddenPingMs = 3_600_000 } = more;
  const timing = { ...TIMING, tabPingMs: pingMs, tabHiddenPingMs: hiddenPingMs };
  const page = { isVisible: true };
  const transport = new TabTransport(http, timing, {
    now: () => clock.now,
    isVisible: () => page.isVisible,
    post: (message) => {
      posted.push(message);
      look();
    },
    count: (count) => counts.push(count),
    steal: () => {
      steals += 1;
      look();
    },
  });
  const on: TransportEvents = {
    opened: () => tell("opened"),
    ready: () => tell("ready"),
    live: () => tell("live"),
    alive: () => {},
    receive: (frames, cursor) => {
      has = cursor ?? has;
      tell(`${frames.length} up to ${cursor}`);
    },
    ended: (how) => tell(`ended ${how.kind}`),
    had: (stream, seq) => tell(`had ${stream}@${seq}`),
    cursor: () => has,
  };
  const start = { token: "t", cursor: more.cursor, max: undefined, idleSeconds: undefined, signal: abort.signal };
  const opened = transport.open(start, on);
  const until = (is: () => boolean, what: string) => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const one = () => is() && resolve();
    looking.push(one);
    one();
    return withDeadline(promise, 4_500, `${what}; ${told.join(", ")}`);
  };
  const say = (message: TabMessage) => transport.message(message);
  const frames = (count: number, cursor = `frames ${count}`): TabMessage => ({
    kind: "frames",
    count,
    frames: [],
    cursor,
  });
  return { posted, told, counts, asked, abort, clock, page, opened, until, say, frames, steals: () => steals };
}
const welcome = (count: number, cursor = "theirs"): TabMessage => ({ kind: "welcome", count, cursor });

describe("a tab that reads by another one's connection", () => {
  test("SDK-60: without a cursor it begins where that one stands, and asks nobody", () => {
    const { posted, told, asked, counts, say } = rig();
    expect(posted).toEqual([{ kind: "hello" }]);
    say(welcome(4));
    expect([told, asked, counts]).toEqual([["opened", "ready", "0 up to theirs", "live"], [], [4]]);
  });

  test("SDK-60: with one it asks what it missed, and knows of what may yet come from the other", async () => {
    const { told, asked, say, until } = rig({
      cursor: "mine",
      answers: [
        { events: [{ stream: "room:7", seq: 3 }], cursor: "theirs 2", more: true },
        { events: [{ stream: "room:7", seq: 4 }], cursor: "theirs 3" },
        { events: [{}], cursor: "mine 2", more: true },
        { events: [{}], cursor: "mine 3" },
      ],
    });
    say(welcome(4));
    await until(() => told.includes("live"), "live");
    expect(asked).toEqual(["theirs", "theirs 2", "mine", "mine 2"]);
    expect(told).toEqual([
      "opened",
      "ready",
      "1 up to mine 2",
      "1 up to mine 3",
      "had room:7@3",
      "had room:7@4",
      "live",
    ]);
  });

  test("SDK-60: what comes meanwhile comes behind what was missed", async () => {
    const { told, say, frames, until } = rig({
      cursor: "mine",
      answers: [{ cursor: "theirs 2" }, { cursor: "mine 2" }],
    });
    say(welcome(4));
    say(frames(5));
    expect(told).toEqual(["opened", "ready"]);
    await until(() => told.includes("live"), "live");
    expect(told).toEqual(["opened", "ready", "0 up to mine 2", "0 up to frames 5", "live"]);
  });

  test("SDK-60: the next message is taken as it comes; where one is missing it asks what came since", async () => {
    const { told, asked, counts, say, frames, until } = rig({ answers: [{ cursor: "caught up" }] });
    say(welcome(4));
    say(frames(5));
    expect([told.at(-1), asked]).toEqual(["0 up to frames 5", []]);
    say(frames(7));
    await until(() => told.at(-1) === "live", "live");
    expect([asked, told.slice(-3)]).toEqual([["frames 5"], ["0 up to caught up", "0 up to frames 7", "live"]]);
    say(frames(8));
    expect([told.at(-1), asked.length, counts]).toEqual(["0 up to frames 8", 1, [4, 5, 7, 8]]);
  });

  test("SDK-60: when the connection is live again it asks what came since, and once more for what was missed meanwhile", async () => {
    const { asked, told, counts, say, frames, until } = rig();
    say(welcome(4));
    say({ kind: "live", count: 6 });
    say(frames(9));
    await until(() => told.filter((text) => text === "live").length === 2, "live again");
    expect([asked, counts]).toEqual([
      ["theirs", "end"],
      [4, 6, 9],
    ]);
    // What follows the number that came with `live` is the next one.
    say({ kind: "live", count: 11 });
    say(frames(12));
    await until(() => told.filter((text) => text === "live").length === 3, "live again");
    expect(asked).toHaveLength(3);
  });

  test("SDK-60: before it has joined, what comes is not for it; a live connection is asked who it is", () => {
    const { posted, told, say, frames } = rig();
    say(frames(5));
    say({ kind: "live", count: 5 });
    expect([told, posted.length]).toEqual([[], 2]);
    say(welcome(5));
    say(welcome(6));
    expect(told.filter((text) => text === "opened")).toHaveLength(1);
  });

  test("SDK-60: a poll that fails ends it, and nothing comes after the end", async () => {
    const { told, abort, say, until, frames } = rig({ cursor: "mine", answers: [503] });
    say(welcome(4));
    await until(() => told.includes("ended refused"), "the end");
    abort.abort();
    say(frames(5));
    expect(told.at(-1)).not.toContain("frames");
  });

  test.each<[string, Answer]>([
    ["an answer", { events: [{}], cursor: "late", more: true }],
    ["a failure", 503],
  ])("SDK-28: %s that comes after the end is told nobody, and nothing more is asked for", async (_, late) => {
    const end = () => {
      abort.abort();
      return late;
    };
    const { told, asked, abort, say, until } = rig({ cursor: "mine", answers: [{ cursor: "theirs 2" }, () => end()] });
    say(welcome(4));
    await until(() => asked.length === 2, "the second question");
    // Proves an absence: the answer is read, and another question would be asked.
    await Bun.sleep(10);
    expect(abort.signal.aborted).toBe(true);
    expect([told, asked]).toEqual([
      ["opened", "ready"],
      ["theirs", "mine"],
    ]);
  });

  test("SDK-60: what its program sends goes by the other tab", () => {
    const { opened, posted } = rig();
    opened.send?.(102, { roomId: 7 });
    expect(posted.at(-1)).toEqual({ kind: "send", type: 102, data: { roomId: 7 } });
  });

  test("SDK-60: where nobody answers three times it takes over, and not before", async () => {
    const { posted, steals, until } = rig({ pingMs: 5 });
    await until(() => posted.length === 3, "three questions");
    expect(steals()).toBe(0);
    await until(() => steals() === 1, "the taking over");
    expect(posted).toEqual([{ kind: "hello" }, { kind: "hello" }, { kind: "hello" }]);
    // Where that does not help it is three questions more before the next try.
    await until(() => steals() === 2, "the second try");
    expect(posted.length).toBe(6);
  });

  test("SDK-60: an answer of the tab with the connection begins the count anew; those of other tabs do not", async () => {
    const { posted, say, steals, until } = rig({ pingMs: 5 });
    await until(() => posted.length === 2, "two questions");
    say({ kind: "pong" });
    await until(() => posted.length === 5, "three more");
    expect(steals()).toBe(0);
    for (const message of [{ kind: "hello" }, { kind: "ping" }, { kind: "back", what: "focus" }] as const) say(message);
    await until(() => steals() === 1, "the taking over");
    expect(posted.length).toBe(5);
  });

  test("SDK-60: one that has joined asks too, and any message of that tab is an answer", async () => {
    const { posted, say, steals, until, frames } = rig({ pingMs: 5 });
    say(welcome(4));
    for (const count of [5, 6, 7, 8, 9]) {
      const { length } = posted;
      await until(() => posted.length === length + 2, "two questions");
      say(frames(count));
    }
    expect([posted.at(-1), steals()]).toEqual([{ kind: "ping" }, 0]);
    await until(() => steals() === 1, "the taking over");
  });

  test("SDK-60: one that is hidden asks as rarely, whatever the clock was set to, and at once when it is looked at", async () => {
    const { clock, page, posted, steals, until } = rig({ pingMs: 5, hiddenPingMs: 1_000 });
    page.isVisible = false;
    clock.now += 999;
    // Proves an absence: it has looked many times by then.
    await Bun.sleep(40);
    expect(posted.length).toBe(1);
    clock.now += 1;
    await until(() => posted.length === 2, "the second question");
    clock.now -= 3_600_000;
    await Bun.sleep(15);
    expect(posted.length).toBe(2);
    clock.now += 1_000;
    await until(() => posted.length === 3, "the third");
    page.isVisible = true;
    await until(() => steals() === 1, "what a person waits for");
  });

  test("SDK-28: after its end it asks nobody and takes nothing over", async () => {
    const { abort, posted, steals } = rig({ pingMs: 2 });
    abort.abort();
    const { length } = posted;
    // Proves an absence: there would be several by then.
    await Bun.sleep(20);
    expect([posted.length, steals()]).toEqual([length, 0]);
  });
});
