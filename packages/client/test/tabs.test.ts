import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { say } from "../../server/test/harness.ts";
import { Stage } from "../../server/test/transports/stage.ts";
import type { ClientOptions, Internals } from "../src/index.ts";
import type { TabMessage } from "../src/transports/tab.ts";
import { HeldTab, OneBrowser } from "./one-browser.ts";
import { WatchedClient } from "./watched-client.ts";

/** Nothing happens for want of a sign of life, but where a test says so. */
const PATIENT = { tabPingMs: 20, tabSilenceMs: 600_000 };

describe("tabs of one browser", () => {
  const browser = new OneBrowser();
  const tabs: WatchedClient[] = [];
  let uninstall: () => void;
  let stage: Stage;
  let held: HeldTab | undefined;
  beforeAll(async () => {
    uninstall = browser.install();
    stage = await Stage.open({ MAX_CONNECTIONS_PER_USER: "1" });
  });
  afterEach(() => {
    for (const tab of tabs.splice(0)) tab.client.stop();
    held?.close();
    held = undefined;
  });
  afterAll(async () => {
    await stage.close();
    uninstall();
  });
  const open = (more: Partial<ClientOptions> = {}, { timing, ...internals }: Internals = {}) => {
    const options = { url: stage.server.url, token: stage.ben.token, tabs: true, ...more };
    const tab = new WatchedClient(options, { ...internals, timing: { ...PATIENT, ...timing } });
    tabs.push(tab);
    return tab;
  };
  const hold = async (answer?: TabMessage) => {
    held = await HeldTab.hold(browser, { url: stage.server.url, token: stage.ben.token });
    held.answer = answer;
    return held;
  };
  test.each(["websocket", "sse", "long-poll", "short-poll"] as const)(
    "SDK-60: a tab that has less than the one that takes over gets what it lacks, by %s",
    async (transport) => {
      const room = await stage.room();
      const leader = await hold({ kind: "welcome", count: 0, cursor: await stage.now() });
      // The tab that has the connection has not got this one yet, and never will; the next one has it from elsewhere.
      await say(stage.ann, room, "before");
      const next = open({ transports: [transport], cursor: await stage.now() });
      await next.live("tab");
      const behind = open();
      await behind.live("tab");
      leader.close();
      await next.live(transport);
      await behind.said(room, "before");
      await say(stage.ann, room, "after");
      for (const tab of [next, behind]) await tab.said(room, "after");
      expect([next.texts(room), behind.texts(room)]).toEqual([["after"], ["before", "after"]]);
      expect(behind.client.state).toEqual({ kind: "live", transport: "tab" });
    },
  );

  test("SDK-60: where the one that has the connection reads state anew, the others get the events that are in it", async () => {
    const room = await stage.room();
    const { promise: refusal, resolve: refuse } = Promise.withResolvers<void>();
    const problem = () => Response.json({ code: "cursor_malformed", status: 400 }, { status: 400 });
    let isRefused = false;
    const leader = open({
      transports: ["long-poll"],
      fetch: (url, init) => {
        const isHanging = url.endsWith("/events") && !String(init.body).includes('"wait":0');
        return isHanging && !isRefused ? Promise.race([fetch(url, init), refusal.then(problem)]) : fetch(url, init);
      },
      reload: async () => {
        isRefused = true;
        await say(stage.ann, room, "in the state");
        return { asOf: await stage.now(), rooms: [] };
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
});
