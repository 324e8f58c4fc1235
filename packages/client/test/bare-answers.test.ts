import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { say } from "../../server/test/harness.ts";
import { range, Stage } from "../../server/test/transports/stage.ts";
import { ParleyError } from "../src/api/parley-error.ts";
import { createClient } from "../src/index.ts";
import type { ReloadedState } from "../src/reading/reload.ts";
import { Door } from "./door.ts";
import { MapStorage } from "./map-storage.ts";
import { QUICK, WatchedClient } from "./watched-client.ts";

/** What stands in between answers in the server's place with a page, or with a document of its own. */
describe("a 4xx that is not the server's", () => {
  let stage: Stage;
  let door: Door;
  beforeAll(async () => {
    stage = await Stage.open();
    door = await Door.open(stage.server.url);
  });
  afterAll(async () => {
    door.close();
    await stage.close();
  });

  /** The first requests to such an address are answered with this status. */
  function answering(address: RegExp, status: number, { times = 3, body = "<html>no</html>" } = {}) {
    let left = times;
    return async (url: string, init: RequestInit) =>
      address.test(url) && left-- > 0 ? new Response(body, { status }) : fetch(url, init);
  }
  const open = (more: object) => new WatchedClient({ url: door.url, token: stage.ben.token, ...more });

  const PAGES = [401, 403, 404, 408].map((status) => [status, "<html>no</html>"] as const);
  const DOCUMENTS = [
    [403, '{"code":"AccessDenied"}'],
    [404, '{"kind":"Status","status":"Failure","reason":"NotFound","code":404}'],
  ] as const;
  test.each([...PAGES, ...DOCUMENTS])(
    "SDK-42: a %d of somebody else (%s) refuses no message: it stays stored and goes out later",
    async (status, body) => {
      const room = await stage.room();
      const area = new MapStorage();
      const refused: string[] = [];
      const fetch = answering(/\/messages$/, status, { body });
      const watched = open({ fetch, storage: { area, owner: "ben" } });
      watched.client.on("refused", ({ error }) => void refused.push(error.code));
      const sent = watched.client.send(room, "said once");
      expect(area.length).toBe(1);
      expect((await sent).message.no).toBe(1);
      expect([area.length, refused, watched.client.state.kind]).toEqual([0, [], "live"]);
      watched.client.stop();
    },
  );

  test.each(
    (["websocket", "sse", "long-poll"] as const).flatMap((name) => [401, 403, 408].map((s) => [name, s] as const)),
  )("SDK-29: by %s a bare %d is waited out, and its state says what was answered", async (transport, status) => {
    door.treated.set("websocket", "refuse");
    const watched = open({ transports: [transport], fetch: answering(/\/events/, status, { times: 4 }) });
    const { why, error } = await watched.was("waiting");
    door.treated.clear();
    expect([why, error]).toEqual(["refused", { status, code: "unknown", message: `The server answered ${status}` }]);
    await watched.live(transport);
    expect([watched.client.token, watched.states.some(({ kind }) => kind === "stopped")]).toEqual([
      stage.ben.token,
      false,
    ]);
    watched.client.stop();
  });

  test("SDK-23: a bare 401 or 404 does not refuse name and password", async () => {
    for (const status of [401, 404]) {
      const login = { name: stage.ben.name, password: "a long password" };
      const watched = open({ token: undefined, login, fetch: answering(/\/logins$/, status, { times: 2 }) });
      expect(await watched.was("waiting")).toMatchObject({ why: "refused", error: { status, code: "unknown" } });
      await watched.live();
      watched.client.stop();
    }
  });

  test("SDK-30: state that a bare 401 keeps from being read is read later", async () => {
    const watched = open({ cursor: "0123456789abcdef;*@5", fetch: answering(/\/rooms\?/, 401) });
    await watched.live();
    expect(watched.reloads).toHaveLength(1);
    watched.client.stop();
  });

  test("SDK-31: a room is not gone because of a bare 404", async () => {
    const room = await stage.room();
    const cursor = await stage.now();
    for (const at of range(1, 12)) await say(stage.ann, room, `text ${at}`);
    const watched = open({ cursor, max: 10, fetch: answering(new RegExp(`/rooms/${room}$`), 404) });
    await watched.live();
    expect((watched.reloads as ReloadedState[]).map(({ rooms }) => rooms.map(({ id }) => id))).toEqual([[room]]);
    watched.client.stop();
  });

  test("SDK-45: nor does a bare 401 say that the login has ended under which a message was written", async () => {
    const room = await stage.room();
    const options = { url: door.url, token: stage.ann.token, fetch: answering(/\/me$/, 401) };
    const client = createClient(options, { timing: QUICK });
    const hers = client.send(room, "hers").catch((error) => error.code);
    client.start({ token: stage.ben.token });
    expect(await hers).toBe("other_user");
    client.stop();
  });

  test("SDK-44: only a document of the server says that trying again is of no use", () => {
    expect(new ParleyError(404).canRetry).toBe(true);
    expect(new ParleyError(404, { code: "not_found" }).canRetry).toBe(false);
    expect(new ParleyError(429, { code: "rate_limited" }).canRetry).toBe(true);
  });
});
