import { describe, expect, test } from "bun:test";
import { say } from "../../server/test/harness.ts";
import { range } from "../../server/test/transports/stage.ts";
import { createClient, ParleyError } from "../src/index.ts";
import type { ReloadedState } from "../src/reading/reload.ts";
import { answering } from "./rig/changed-fetch.ts";
import { MapStorage } from "./rig/map-storage.ts";
import { ServerRig } from "./rig/rig.ts";
import { QUICK } from "./rig/watched-client.ts";

/** Something between client and server answers in the server's place, with a page or with its own document. */
describe("a 4xx that is not the server's", () => {
  const rig = new ServerRig();

  /** The first requests to such an address get this status. */
  function refusing(address: RegExp, status: number, { times = 3, body = "<html>no</html>" } = {}) {
    let left = times;
    return answering((url) => (address.test(url) && left-- > 0 ? new Response(body, { status }) : undefined));
  }
  const PAGES = [401, 403, 404, 408].map((status) => [status, "<html>no</html>"] as const);
  const DOCUMENTS = [
    [403, '{"code":"AccessDenied"}'],
    [404, '{"kind":"Status","status":"Failure","reason":"NotFound","code":404}'],
  ] as const;
  test.each([...PAGES, ...DOCUMENTS])(
    "SDK-42: a %d of somebody else (%s) refuses no message: it stays stored and goes out later",
    async (status, body) => {
      const room = await rig.stage.room();
      const area = new MapStorage();
      const refused: string[] = [];
      const fetch = refusing(/\/messages$/, status, { body });
      const watched = rig.open({ fetch, storage: { area, owner: "ben" } });
      watched.client.on("refused", ({ error }) => void refused.push(error.code));
      const sent = watched.client.send(room, "said once");
      expect(area.length).toBe(1);
      expect((await sent).message.no).toBe(1);
      expect([area.length, refused]).toEqual([0, []]);
      await watched.live();
    },
  );

  test.each(
    (["websocket", "sse", "long-poll"] as const).flatMap((name) => [401, 403, 408].map((s) => [name, s] as const)),
  )("SDK-29: by %s a bare %d is waited out, and its state says what was answered", async (transport, status) => {
    rig.door.treated.set("websocket", "refuse");
    const watched = rig.open({ transports: [transport], fetch: refusing(/\/events/, status, { times: 4 }) });
    const { why, error } = await watched.was("waiting");
    rig.door.treated.clear();
    expect([why, error]).toEqual(["refused", { status, code: "unknown", message: `The server answered ${status}` }]);
    await watched.live(transport);
    expect([watched.client.token, watched.states.some(({ kind }) => kind === "stopped")]).toEqual([
      rig.stage.ben.token,
      false,
    ]);
  });

  test("SDK-23: a bare 401 or 404 does not refuse name and password", async () => {
    for (const status of [401, 404]) {
      const login = { name: rig.stage.ben.name, password: "a long password" };
      const watched = rig.open({ login, fetch: refusing(/\/logins$/, status, { times: 2 }) });
      expect(await watched.was("waiting")).toMatchObject({ why: "refused", error: { status, code: "unknown" } });
      await watched.live();
      watched.client.stop();
    }
  });

  test("SDK-30: state that a bare 401 keeps from being read is read later", async () => {
    const watched = rig.open({ cursor: "0123456789abcdef;*@5", fetch: refusing(/\/rooms\?/, 401) });
    await watched.live();
    expect(watched.reloads).toHaveLength(1);
  });

  test("SDK-31: a room is not gone because of a bare 404", async () => {
    const room = await rig.stage.room();
    const cursor = await rig.stage.now();
    for (const at of range(1, 12)) await say(rig.stage.ann, room, `text ${at}`);
    const watched = rig.open({ cursor, max: 10, fetch: refusing(new RegExp(`/rooms/${room}$`), 404) });
    await watched.live();
    expect((watched.reloads as ReloadedState[]).map(({ rooms }) => rooms.map(({ id }) => id))).toEqual([[room]]);
  });

  test("SDK-45: nor does a bare 401 say that the login has ended under which a message was written", async () => {
    const room = await rig.stage.room();
    const options = { url: rig.door.url, token: rig.stage.ann.token, fetch: refusing(/\/me$/, 401) };
    const client = createClient(options, { timing: QUICK });
    const hers = client.send(room, "hers").catch((error) => error.code);
    client.start({ token: rig.stage.ben.token });
    expect(await hers).toBe("other_user");
    client.stop();
  });

  test("SDK-44: only a document of the server says that trying again is of no use", () => {
    expect(new ParleyError(404).canRetry).toBe(true);
    expect(new ParleyError(404, { code: "not_found" }).canRetry).toBe(false);
    expect(new ParleyError(429, { code: "rate_limited" }).canRetry).toBe(true);
  });
});
