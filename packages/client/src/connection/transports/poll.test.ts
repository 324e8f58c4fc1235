import { describe, expect, spyOn, test } from "bun:test";
import { withDeadline } from "../../../../server/src/lib/interval.ts";
import { Http } from "../../api/http.ts";
import { TIMING } from "../../lib/timing.ts";
import { longPollTransport, shortenCursorTransport, shortPollTransport } from "./poll.ts";
import type { Transport, TransportEvents } from "./transport.ts";

type Ask = { cursor?: string; wait: number; max?: number; limit: number };
const reply = (cursor: string, more = false, events: object[] = []) => Response.json({ events, cursor, more });

/** A transport whose polls a test answers; `told` is what it reports, in order. */
function rig(make: (http: Http) => Transport, answers: ((ask: Ask) => Response | Promise<Response>)[]) {
  const asked: Ask[] = [];
  const told: string[] = [];
  const abort = new AbortController();
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const http = new Http(
    "https://x",
    async (_, init) => {
      const ask = JSON.parse(String(init.body)) as Ask;
      const answer = answers[asked.length];
      asked.push(ask);
      if (!answer) {
        abort.abort();
        end();
        throw new Error("the end");
      }
      return answer(ask);
    },
    () => {},
  );
  const on: TransportEvents = {
    opened: () => void told.push("opened"),
    ready: () => void told.push("ready"),
    live: () => void told.push("live"),
    alive: () => {},
    receive: (frames, cursor) => void told.push(`${frames.length} up to ${cursor}`),
    ended: (how) => {
      told.push(`ended ${how.kind}`);
      end();
    },
    had: () => {},
    cursor: () => undefined,
  };
  const start = { token: "t", cursor: "0", max: 7, idleSeconds: undefined, signal: abort.signal };
  make(http).open(start, on);
  return { asked, told, over: () => withDeadline(over, 4_500, "the end of the polls") };
}
const timing = { ...TIMING, shortPollMs: 1, answerMs: 1_000, longPollSeconds: 25 };
const long = (http: Http) => longPollTransport(http, timing);
const short = (http: Http) => shortPollTransport(http, timing);
const once = (http: Http) => shortenCursorTransport(http, timing);
const lost = () => new Response("", { status: 504 });

describe("polls", () => {
  test("SDK-10: the first does not hang, the others do once nothing is behind, each from the last one's cursor", async () => {
    const { asked, told, over } = rig(long, [
      () => reply("1", true, [{}]),
      () => reply("2"),
      () => reply("3", false, [{}, {}]),
    ]);
    await over();
    expect(asked.map(({ cursor, wait }) => [cursor, wait])).toEqual([
      ["0", 0],
      ["1", 0],
      ["2", 25],
      ["3", 25],
    ]);
    expect([asked[0]?.max, asked[0]?.limit]).toEqual([7, 10]);
    expect(told).toEqual(["opened", "ready", "1 up to 1", "0 up to 2", "live", "2 up to 3", "live"]);
  });

  test("SDK-27: an answer may take as long as it was asked to hang, and a while", async () => {
    const timers = spyOn(globalThis, "setTimeout");
    try {
      const { over } = rig(long, [() => reply("1"), () => reply("2")]);
      await over();
      const within = timers.mock.calls.map(([, ms]) => ms).filter((ms) => ms !== 4_500);
      // For the headers, for the body and for its end; the last one is never answered.
      expect(within).toEqual([1_000, 1_000, 1_000, 26_000, 26_000, 26_000, 26_000]);
    } finally {
      timers.mockRestore();
    }
  });

  test("SDK-15: replies get smaller where they take long, and larger where they come quickly, within bounds", async () => {
    let now = 1_000;
    const clock = spyOn(Date, "now").mockImplementation(() => now);
    try {
      const took = (ms: number, more: boolean) => () => {
        now += ms;
        return reply("1", more);
      };
      const times = [8_000, 80_000, 80_000, 4_000, 1_000, 100, 1, 1, 1, 1].map((ms) => took(ms, true));
      // What waits for its events, and what is not full, says nothing of the line.
      const { asked, over } = rig(long, [...times, took(9_000, false), took(24_000, true), took(2_000, true)]);
      await over();
      expect(asked.map(({ limit }) => limit)).toEqual([10, 5, 5, 5, 5, 10, 40, 160, 500, 500, 500, 500, 500, 500]);
    } finally {
      clock.mockRestore();
    }
  });

  test("SDK-10: short polls are a moment apart, unless something is behind", async () => {
    const at: number[] = [];
    const pauses: number[] = [];
    using timers = spyOn(globalThis, "setTimeout");
    const answer = (more: boolean) => () => {
      at.push(performance.now());
      pauses.push(timers.mock.calls.filter(([, ms]) => ms === 60).length);
      return reply("1", more);
    };
    const apart = (http: Http) => shortPollTransport(http, { ...timing, shortPollMs: 60 });
    const { over } = rig(apart, [answer(true), answer(false), answer(false)]);
    await over();
    expect(pauses).toEqual([0, 0, 1]);
    const [, second, third] = at as [number, number, number];
    // A timer may be a millisecond early.
    expect(third - second).toBeGreaterThanOrEqual(59);
  });

  test("SDK-10: short polls never hang", async () => {
    const { asked, over } = rig(short, [() => reply("1"), () => reply("2")]);
    await over();
    expect(asked.map(({ wait }) => wait)).toEqual([0, 0, 0]);
  });

  test("SDK-33: polls for a shorter cursor end when nothing is behind, and not before", async () => {
    const { asked, told, over } = rig(once, [() => reply("1", true), () => reply("2")]);
    await over();
    expect([asked.length, told.at(-1)]).toEqual([2, "ended done"]);
    expect(told).not.toContain("live");
  });

  test("SDK-10: where two polls in a row that hang are lost, it is not suited; one alone is asked again without hanging", async () => {
    const ok = () => reply("1");
    const one = rig(long, [ok, lost, ok, ok, lost, ok, ok]);
    await one.over();
    expect(one.asked.map(({ wait }) => wait)).toEqual([0, 25, 0, 25, 25, 0, 25, 25]);
    expect(one.told.filter((text) => text.startsWith("ended"))).toEqual([]);
    const two = rig(long, [ok, lost, ok, lost]);
    await two.over();
    expect(two.told.at(-1)).toBe("ended unsuited");
  });

  test.each([
    ["a refusal", 403, "refused"],
    ["a server that is busy", 503, "refused"],
  ])("SDK-11: %s of a poll that hangs ends it", async (_, status, kind) => {
    const { told, over } = rig(long, [() => reply("1"), () => new Response("", { status })]);
    await over();
    expect(told.at(-1)).toBe(`ended ${kind}`);
  });

  test("SDK-27: the first poll that is lost ends it, and so does a malformed reply", async () => {
    const first = rig(long, [lost]);
    await first.over();
    expect(first.told).toEqual(["ended refused"]);
    for (const odd of [{ events: [], cursor: "1" }, { cursor: "1", more: false }, { events: [], more: true }, null]) {
      const { told, over } = rig(short, [() => Response.json(odd)]);
      await over();
      expect(told).toEqual(["ended failed"]);
    }
  });
});
