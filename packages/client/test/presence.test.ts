import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { FakeServer } from "./rig/fake-server.ts";
import { LIVE, READY } from "./rig/frames.ts";
import { OneBrowser } from "./rig/one-browser.ts";
import { Rig, ServerRig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

/** Resolves when a client knows that somebody is online, or that they are not. */
function until(watched: WatchedClient, uid: number, isOnline = true): Promise<unknown> {
  const { client } = watched;
  const { promise, resolve } = Promise.withResolvers<void>();
  const end = client.on("presence", () => client.presence.isOnline(uid) === isOnline && resolve());
  if (client.presence.isOnline(uid) === isOnline) resolve();
  return promise.finally(end);
}

describe("presence in the client", () => {
  const rig = new ServerRig();

  for (const transport of ["websocket", "sse"] as const) {
    test(`SDK-70: ${transport}: it knows who was online before it, and who comes and goes`, async () => {
      const { stage } = rig;
      const [cai, dan] = [await stage.person(), await stage.person()];
      await stage.room([stage.ben, cai, dan]);
      const first = await stage.server.live(cai);
      const watched = rig.open({ transports: [transport] });
      await until(watched, cai.uid);
      expect(watched.client.presence.of(dan.uid)).toBeUndefined();
      await stage.server.live(dan);
      await until(watched, dan.uid);
      expect(watched.client.presence.onlineNum).toBeGreaterThanOrEqual(3);
      first.close();
      await until(watched, cai.uid, false);
      expect(watched.client.presence.of(cai.uid)).toMatchObject({ activeStatus: 2 });
    }, 20_000);
  }

  test("SDK-73: members over HTTP tell it too; a client that polls asks", async () => {
    const { stage } = rig;
    const [cai, dan] = [await stage.person(), await stage.person()];
    const room = await stage.room([stage.ben, cai, dan]);
    await stage.server.live(cai);
    const watched = rig.open({ transports: ["short-poll"] });
    await watched.live();
    const { presence } = watched.client;
    expect(presence.of(cai.uid)).toBeUndefined();
    await watched.client.request("GET /rooms/{id}/members", { path: { id: room } });
    expect([presence.isOnline(cai.uid), presence.of(dan.uid)]).toEqual([
      true,
      { uid: dan.uid, activeStatus: 2, lastOptTime: null },
    ]);
    await stage.server.live(dan);
    await presence.ask([cai.uid, dan.uid, 1]);
    expect([presence.isOnline(dan.uid), presence.of(1)]).toEqual([true, undefined]);
    expect(presence.onlineNum).toBeGreaterThanOrEqual(3);
  });
});

describe("a connection that takes the place of another", () => {
  const rig = new Rig();

  test("SDK-72: a person who has gone in between is not believed to be online", async () => {
    const state = { uid: 20_001, activeStatus: 1, lastOptTime: 100 };
    const told = (changeList: object[], more = {}) =>
      JSON.stringify({ type: 5, data: { changeList, onlineNum: 1, ...more } });
    const server = rig.use(
      new FakeServer({
        answer: () => new Response("{}"),
        socket: (socket, nth) => {
          for (const text of [READY, LIVE]) socket.send(text);
          if (nth === 1) socket.send(told([state]));
          socket.send(told([], { complete: true }));
        },
        // 102 is TYPING; a resuming client begins with RESUME.
        onText: (socket, text) => text.includes('"type":102') && socket.close(1012),
      }),
    );
    const watched = rig.watch({ url: server.url, token: "pl_x", transports: ["websocket"], tabs: false });
    await until(watched, state.uid);
    watched.client.typing(7);
    await until(watched, state.uid, false);
    expect(watched.client.presence.of(state.uid)).toEqual({ uid: 20_001, activeStatus: 2, lastOptTime: null });
  });
});

describe("tabs of one browser", () => {
  const rig = new ServerRig();
  const browser = new OneBrowser();
  let uninstall: () => void;
  beforeAll(() => {
    uninstall = browser.install();
  });
  afterAll(() => uninstall());

  for (const transport of ["websocket", "sse"] as const) {
    test(`SDK-74: ${transport}: a tab that joins gets what is known, and hears of changes`, async () => {
      const { stage } = rig;
      const [cai, dan] = [await stage.person(), await stage.person()];
      await stage.room([stage.ben, cai, dan]);
      await stage.server.live(cai);
      const open = () => rig.open({ tabs: true, transports: [transport] });
      const leader = open();
      await until(leader, cai.uid);
      // Once the leader has heard of her, all earlier arrivals have been told to everybody.
      const fay = await stage.person();
      await stage.room([stage.ben, fay]);
      await stage.server.live(fay);
      await until(leader, fay.uid);
      const tab = open();
      await tab.live("tab");
      await until(tab, cai.uid);
      expect(tab.client.presence.onlineNum).toBe(leader.client.presence.onlineNum);
      await stage.server.live(dan);
      await until(tab, dan.uid);
      // The next connection is a new one, and tells all tabs everything.
      rig.door.cut();
      const eva = await stage.person();
      await stage.room([stage.ben, eva]);
      await stage.server.live(eva);
      for (const one of [leader, tab]) await until(one, eva.uid);
      for (const one of [leader, tab]) one.client.stop();
    }, 20_000);
  }
});
