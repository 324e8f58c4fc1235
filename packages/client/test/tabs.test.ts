import { afterAll, beforeAll, describe, expect, spyOn, test } from "bun:test";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say } from "../../server/test/harness.ts";
import type { TabMessage } from "../src/connection/transports/tab-message.ts";
import type { ClientOptions, Internals } from "../src/options.ts";
import type { PushFrame } from "../src/reading/push-frame.ts";
import { answering, pollOf } from "./rig/changed-fetch.ts";
import { HeldTab, OneBrowser } from "./rig/one-browser.ts";
import { ServerRig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

/** Tabs with this ask often whether the one with the connection is there. */
const CURIOUS = { tabPingMs: 20, tabHiddenPingMs: 20 };
/** A tab with this takes nothing from anybody within the time of a test. */
const SHY = { tabPingMs: 3_600_000 };

describe("tabs of one browser", () => {
  const rig = new ServerRig({ MAX_CONNECTIONS_PER_USER: "1" });
  const browser = new OneBrowser();
  let held: HeldTab | undefined;
  let uninstall: () => void;
  beforeAll(() => {
    uninstall = browser.install();
  });
  afterAll(() => uninstall());
  const open = (more: Partial<ClientOptions> = {}, { timing, ...internals }: Internals = {}) =>
    rig.open({ tabs: true, ...more }, { ...internals, timing: { ...CURIOUS, ...timing } });
  const hold = async (answer?: TabMessage) => {
    held = rig.use(await HeldTab.hold(browser, { url: rig.door.url, token: rig.stage.ben.token }));
    held.answer = answer;
    return held;
  };
  const looked = (isVisible: boolean) => ({ surroundings: { isVisible: () => isVisible } });

  test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "SDK-60: a tab that has less than the one that takes over gets what it lacks, by %s",
    async (transport) => {
      const room = await rig.stage.room();
      const leader = await hold({ kind: "welcome", count: 0, cursor: await rig.stage.now() });
      // The tab that has the connection has not got this message, and never will; the next one has it from elsewhere.
      await say(rig.stage.ann, room, "before");
      const next = open({ transports: [transport], cursor: await rig.stage.now() });
      await next.live("tab");
      const behind = open();
      await behind.live("tab");
      leader.close();
      await next.live(transport);
      await behind.said(room, "before");
      await say(rig.stage.ann, room, "after");
      for (const tab of [next, behind]) await tab.said(room, "after");
      expect([next.texts(room), behind.texts(room)]).toEqual([["after"], ["before", "after"]]);
      expect(behind.client.state).toEqual({ kind: "live", transport: "tab" });
    },
  );

  test("SDK-60: a tab that has more than the one with the connection gets nothing again", async () => {
    const room = await rig.stage.room();
    const cursor = await rig.stage.now();
    await say(rig.stage.ann, room, "had");
    const leader = await hold({ kind: "welcome", count: 0, cursor });
    const tab = open({ cursor: await rig.stage.now() });
    await tab.live("tab");
    await say(rig.stage.ann, room, "new");
    const { events } = await rig.stage.ben.api.ok<{ events: PushFrame[] }>("GET", `/events?cursor=${cursor}`);
    for (const [at, frame] of events.entries()) {
      leader.say({ kind: "frames", count: at + 1, frames: [frame], cursor: undefined });
    }
    await tab.said(room, "new");
    expect(tab.texts(room)).toEqual(["new"]);
  });

  test("SDK-60: where the one that has the connection reads state anew, the others get the events that are in it", async () => {
    const room = await rig.stage.room();
    const { promise: refusal, resolve: refuse } = Promise.withResolvers<void>();
    const problem = () => Response.json({ code: "cursor_malformed", status: 400 }, { status: 400 });
    let isRefused = false;
    const leader = open({
      transports: ["long-poll"],
      fetch: answering((url, init, real) => {
        const isHanging = (pollOf(url, init)?.wait ?? 0) > 0;
        return isHanging && !isRefused ? Promise.race([real(), refusal.then(problem)]) : undefined;
      }),
      reload: async () => {
        isRefused = true;
        await say(rig.stage.ann, room, "in the state");
        return { asOf: await rig.stage.now(), rooms: [] };
      },
    });
    await leader.live("long-poll");
    const other = open();
    await other.live("tab");
    refuse();
    await leader.until(() => leader.reloads.length > 0, "a reload");
    await other.said(room, "in the state");
    expect([leader.texts(room), other.resyncs]).toEqual([[], []]);
  });

  test("SDK-60: a new tab shows what the connection of the other is doing, however long that takes", async () => {
    const busy = async () => new Response("", { status: 503, headers: { "Retry-After": "600" } });
    const leader = open({ transports: ["short-poll"], fetch: busy });
    const { until } = await leader.was("waiting");
    const other = open();
    expect(await other.was("waiting")).toEqual({ kind: "waiting", why: "busy", until });
    // The leader tells nobody twice, however often it is asked.
    const third = open();
    await third.was("waiting");
    expect(other.states.filter(({ kind }) => kind === "waiting")).toHaveLength(1);
  });

  test("SDK-22: a tab that starts before a person's eyes goes on where another one was replaced", async () => {
    const leader = open({}, looked(true));
    await leader.live("websocket");
    const elsewhere = open({ tabs: false });
    await elsewhere.live();
    expect((await leader.was("stopped")).why).toBe("replaced");
    const hidden = open({}, looked(false));
    expect((await hidden.was("stopped")).why).toBe("replaced");
    expect(leader.client.state.kind).toBe("stopped");
    const seen = open({}, looked(true));
    await leader.live("websocket");
    for (const tab of [hidden, seen]) await tab.live("tab");
  });

  test("SDK-22: `start` in a tab that shares says to the one with the connection that a person is back", async () => {
    const leader = open({}, looked(false));
    await leader.live("websocket");
    const other = open({}, looked(false));
    await other.live("tab");
    const elsewhere = open({ tabs: false });
    await elsewhere.live();
    for (const tab of [leader, other]) expect((await tab.was("stopped")).why).toBe("replaced");
    other.client.start();
    await leader.live("websocket");
    await other.live("tab");
  });

  test("SDK-60: a tab whose lock another one takes reads by that one from then on", async () => {
    const leader = open();
    await leader.live("websocket");
    const of = { url: rig.door.url, token: rig.stage.ben.token };
    const cursor = await rig.stage.now();
    const thief = rig.use(await HeldTab.hold(browser, of, { steal: true }));
    // It answers from the beginning: a thief that is silent would soon lose the lock again.
    thief.answer = { kind: "welcome", count: 0, cursor };
    await leader.live("tab");
    expect(rig.door.asked.websocket).toBe(1);
    // When the thief goes, the leader has the connection again.
    thief.close();
    await leader.live("websocket");
  });

  test("SDK-61: where the browser refuses its locks a tab asks once, and is alone from then on", async () => {
    const before = browser.asked;
    browser.refusal = new DOMException("a page in a sandbox", "SecurityError");
    try {
      const tab = open();
      await tab.live("websocket");
      rig.door.cut();
      await tab.until(() => rig.door.asked.websocket === 2 && tab.client.state.kind === "live", "another connection");
      expect([browser.asked - before, browser.channels]).toEqual([1, 0]);
    } finally {
      browser.refusal = undefined;
    }
  });

  test("SDK-28: a lock that was asked for before a stop gives nothing to the start after it", async () => {
    const { promise: opened, resolve: letThrough } = Promise.withResolvers<void>();
    browser.gate = opened;
    const before = browser.asked;
    const one = open();
    let other: WatchedClient;
    try {
      await withDeadline(asked(before + 1), 4_500, "the first question for the lock");
      one.client.stop();
      other = open();
      await withDeadline(asked(before + 2), 4_500, "the other tab's");
      one.client.start();
      await withDeadline(asked(before + 3), 4_500, "the second question");
    } finally {
      browser.gate = Promise.resolve();
      letThrough();
    }
    await other.live("websocket");
    await one.live("tab");
  });

  /** Resolves when this many requests for a lock have been made. */
  async function asked(count: number): Promise<void> {
    while (browser.asked < count) await Bun.sleep(1);
  }

  const CHATTER: readonly [string, TabMessage | undefined][] = [
    ["nothing", undefined],
    ["a frame of another tab", { kind: "send", type: 9, data: { roomId: 1 } }],
    ["the question of another tab", { kind: "hello" }],
    ["another tab's person", { kind: "back", what: "focus" }],
  ];
  test.each(CHATTER)("SDK-60: a tab that hangs does not keep a new one waiting: it hears %s", async (_, message) => {
    await hold(message);
    const tab = open();
    await tab.live("websocket");
    expect(held?.heard.filter(({ kind }) => kind === "hello").length).toBeGreaterThanOrEqual(3);
  });

  test("SDK-60: two new tabs do not take each other for one that has the connection", async () => {
    await hold();
    const tabs = [open(), open()];
    const kinds = () => tabs.map(({ client: { state } }) => (state.kind === "live" ? state.transport : state.kind));
    const isShared = () => kinds().sort().join() === "tab,websocket";
    await Promise.any(tabs.map((tab) => tab.until(isShared, "one connection for both")));
  });

  test("SDK-28: a tab that has taken the lock from one that hangs gives it back when it is stopped", async () => {
    await hold();
    const tab = open();
    await tab.live("websocket");
    tab.client.stop();
    // This tab would not take the lock from anybody within the time of a test.
    const next = open({}, { timing: SHY });
    await next.live("websocket");
  });

  test("SDK-60: a connection that is cut stays with its tab, and no lock is asked for again", async () => {
    const leader = open();
    await leader.live("websocket");
    const other = open();
    await other.live("tab");
    const { asked: before } = browser;
    const connections = rig.door.asked.websocket ?? 0;
    rig.door.cut();
    await leader.until(() => rig.door.asked.websocket === connections + 1, "another connection");
    await leader.live("websocket");
    await other.live("tab");
    expect(browser.asked).toBe(before);
  });

  const listen = () => rig.use(HeldTab.listen({ url: rig.door.url, token: rig.stage.ben.token }));

  test("SDK-60: the tab with the connection says that it is there, as often as it is asked, until it is stopped", async () => {
    const leader = open();
    await leader.live("websocket");
    const listener = listen();
    for (const times of [1, 2, 3]) {
      listener.say({ kind: "ping" });
      await listener.hears("pong", times);
    }
    leader.client.stop();
    await listener.hears("state", 1);
    const { length } = listener.heard;
    listener.say({ kind: "ping" });
    // Proves an absence: an answer comes within a millisecond.
    await Bun.sleep(50);
    expect(listener.heard.length).toBe(length);
  });

  test("SDK-28: what a tab sends goes by the one that has the connection, and nowhere once it is stopped", async () => {
    const room = await rig.stage.room();
    const leader = open();
    await leader.live("websocket");
    const other = open();
    await other.live("tab");
    const listener = listen();
    other.client.typing(room);
    await listener.hears("send", 1);
    other.client.stop();
    other.client.typing(room);
    await say(rig.stage.ann, room, "the end");
    await listener.hears("frames", 1);
    const sent = listener.heard.filter(({ kind }) => kind === "send");
    expect(sent).toEqual([{ kind: "send", type: 102, data: { roomId: room } }]);
  });

  test("SDK-60: each message of the connection is passed on once, by the tab that has it, and numbered without a gap", async () => {
    const room = await rig.stage.room();
    const leader = open();
    await leader.live("websocket");
    const others = [open(), open()];
    for (const other of others) await other.live("tab");
    const listener = listen();
    for (const text of ["one", "two", "three"]) await say(rig.stage.ann, room, text);
    for (const tab of [leader, ...others]) await tab.said(room, "three");
    // A request that succeeds is announced to the other tabs only while there is something to wait for.
    await others[0]?.client.request("GET /me");
    await say(rig.stage.ann, room, "four");
    await listener.hears("frames", 4);
    expect(listener.heard.map(({ kind }) => kind)).not.toContain("back");
    const counts = listener.heard.flatMap((message) => (message.kind === "frames" ? [message.count] : []));
    expect(counts).toEqual(counts.map((_, at) => (counts[0] as number) + at));
  });

  test("SDK-60: the tab that takes over goes on counting, so the others need not ask what they missed", async () => {
    const room = await rig.stage.room();
    const leader = open();
    await leader.live("websocket");
    const next = open();
    await next.live("tab");
    const listener = listen();
    for (const text of ["one", "two", "three"]) await say(rig.stage.ann, room, text);
    await next.said(room, "three");
    leader.client.stop();
    await next.live("websocket");
    await say(rig.stage.ann, room, "four");
    await next.said(room, "four");
    const counts = () => listener.heard.flatMap((message) => (message.kind === "frames" ? [message.count] : []));
    await listener.hears("frames", 4);
    expect(counts()).toEqual(counts().map((_, at) => (counts()[0] as number) + at));
  });

  test("SDK-2: the others take the server's cursor over, too, so each may be stored", async () => {
    const room = await rig.stage.room();
    const leader = open({ transports: ["long-poll"] });
    await leader.live("long-poll");
    const other = open();
    await other.live("tab");
    await say(rig.stage.ann, room, "one");
    for (const tab of [leader, other]) await tab.said(room, "one");
    await other.until(() => other.client.cursor === leader.client.cursor, "the cursor");
    expect(other.client.cursor).toMatch(/^[0-9a-f]{16};\*@\d+$/);
  });

  test("SDK-60: a tab whose token has become another one shares with the tabs of that one", async () => {
    const { name } = rig.stage.ben;
    const again = { name, password: "a long password" };
    const fresh = await rig.stage.server.api.ok<{ token: string }>("POST", "/logins", again);
    let { token } = rig.stage.ben;
    const first = open({ token: () => token });
    await first.live("websocket");
    token = fresh.token;
    rig.door.cut();
    await first.until(() => first.client.token === token && first.client.state.kind === "live", "the new token");
    const second = open({ token });
    await second.live("tab");
    // The lock of the old token is free: this tab would not take it from anybody within the time of a test.
    const third = open({}, { timing: SHY });
    await third.live("websocket");
  });

  test("SDK-60: a tab that had the connection of its token follows the tab that has the one of its next token", async () => {
    const her = await rig.stage.person();
    let { token } = rig.stage.ben;
    const first = open({ token: () => token });
    await first.live("websocket");
    const other = open({ token: her.token });
    await other.live("websocket");
    token = her.token;
    rig.door.cut();
    await first.live("tab");
    await other.live("websocket");
  });

  test("SDK-28: a tab that is stopped before it knows what its lock is called asks for none, and opens no channel", async () => {
    const before = browser.asked;
    const { subtle } = crypto;
    const real = subtle.digest.bind(subtle);
    const { promise: hashed, resolve } = Promise.withResolvers<void>();
    const digest = spyOn(subtle, "digest").mockImplementation(async (...given: Parameters<typeof real>) => {
      tab.client.stop();
      resolve();
      return real(...given);
    });
    const tab = open();
    await withDeadline(hashed, 4_500, "a name");
    digest.mockRestore();
    // Proves an absence: the lock would be asked for a few turns later.
    await Bun.sleep(10);
    expect([browser.asked - before, browser.channels]).toEqual([0, 0]);
  });

  test("SDK-47: with another token a tab shares another connection, and leaves the first one to the others", async () => {
    const her = await rig.stage.person();
    const first = open();
    await first.live("websocket");
    const other = open();
    await other.live("tab");
    first.client.start({ token: her.token });
    await first.until(() => first.client.token === her.token && first.client.state.kind === "live", "hers");
    await other.live("websocket");
    expect(first.client.state).toEqual({ kind: "live", transport: "websocket" });
  });

  test("SDK-60: one that answers keeps the connection, however long it is not live", async () => {
    const leader = await hold({ kind: "state", state: { kind: "connecting", transport: "sse" } });
    const tab = open();
    await leader.hears("hello", 12);
    expect(tab.client.state).toEqual({ kind: "connecting", transport: "sse" });
    leader.answer = { kind: "welcome", count: 0, cursor: await rig.stage.now() };
    await tab.live("tab");
  });
});
