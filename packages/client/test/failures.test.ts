import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type Settings, say, signUp, TestServer } from "../../server/test/harness.ts";
import { ServerProcess } from "../../server/test/server-process.ts";
import { range } from "../../server/test/transports/stage.ts";
import { Door } from "./rig/door.ts";
import { Returns } from "./rig/returns.ts";
import { Rig } from "./rig/rig.ts";

const SLOW_MS = 40_000;

describe("a server that goes away", () => {
  const rig = new Rig();
  let server: ServerProcess;
  let door: Door;
  beforeAll(async () => {
    server = new ServerProcess({ DRAIN_SECONDS: "1" });
    await server.start();
    door = await Door.open(server.url);
  }, SLOW_MS);
  afterAll(async () => {
    door.close();
    await server.remove();
  }, SLOW_MS);

  async function restart(end: () => Promise<unknown>): Promise<void> {
    await end();
    await server.start();
    door.target = server.url;
  }

  test(
    "SDK-20: after kill -9 in the middle of sends nothing is missing, nothing comes twice, and no send is stored twice",
    async () => {
      const [ann, ben] = [await signUp(door.url, "ann"), await signUp(door.url, "ben")];
      const { id: room } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "r", memberIds: [ben.uid] });
      const sender = rig.watch({ url: door.url, token: ann.token });
      const readers = (["websocket", "sse", "long-poll"] as const).map((name) =>
        rig.watch({ url: door.url, token: ben.token, transports: [name] }),
      );
      await Promise.all([sender, ...readers].map((one) => one.live()));
      const texts = range(1, 60).map((at) => `text ${at}`);
      const sends = texts.map((text) => sender.client.send(room, text));
      await readers[0]?.said(room, "text 5");
      await restart(() => server.kill());
      await Promise.all(sends);
      for (const reader of [sender, ...readers]) {
        await reader.said(room, "text 60");
        expect(reader.texts(room)).toEqual(texts);
        reader.client.stop();
      }
      expect(sender.client.waiting).toBe(0);
    },
    SLOW_MS,
  );

  test(
    "SDK-21: after DRAIN a client comes back when it was told to, where it was",
    async () => {
      const cat = await signUp(door.url, "cat");
      const { id: room } = await cat.api.ok<{ id: number }>("POST", "/rooms", { name: "r", memberIds: [] });
      const readers = (["websocket", "sse"] as const).map((name) =>
        rig.watch({ url: door.url, token: cat.token, transports: [name] }),
      );
      await Promise.all(readers.map((one) => one.live()));
      await say(cat, room, "before");
      const waits = Promise.all(readers.map((one) => one.was("waiting")));
      const began = Date.now();
      await restart(() => server.stop());
      for (const wait of await waits) {
        expect(wait.why).toBe("restart");
        expect(wait.until - began).toBeGreaterThan(2900);
      }
      await say(cat, room, "after");
      for (const reader of readers) {
        await reader.said(room, "after");
        expect(reader.texts(room)).toEqual(["before", "after"]);
        reader.client.stop();
      }
    },
    SLOW_MS,
  );
});

describe("other ends", () => {
  const rig = new Rig();
  const start = async (settings: Settings = {}) => {
    const server = await TestServer.start({ HALL: "off", ...settings });
    return rig.use(Object.assign(server, { close: () => server.stop() }));
  };

  test("SDK-22: over the cap of connections the oldest stops until a person looks at it again", async () => {
    const server = await start({ MAX_CONNECTIONS_PER_USER: "1" });
    const ben = await server.person("ben");
    for (const transports of [["websocket"], ["sse"]] as const) {
      const returns = new Returns();
      const { surroundings } = returns;
      const oldest = rig.watch({ url: server.url, token: ben.token, transports }, { surroundings });
      await oldest.live();
      const newest = rig.watch({ url: server.url, token: ben.token, transports });
      await newest.live();
      expect((await oldest.was("stopped")).why).toBe("replaced");
      returns.tell("online");
      expect(oldest.client.state.kind).toBe("stopped");
      returns.tell("focus");
      await oldest.live();
      expect((await newest.was("stopped")).why).toBe("replaced");
      for (const one of [oldest, newest]) one.client.stop();
    }
  });

  test("SDK-23: name and password sign in once; wrong ones stop the client", async () => {
    const server = await start();
    await server.person("dan");
    const login = { name: "dan", password: "a long password" };
    const right = rig.watch({ url: server.url, login });
    await right.live();
    expect((await right.client.request("GET /logins")).items).toHaveLength(2);
    right.client.stop();
    const wrong = rig.watch({ url: server.url, login: { ...login, password: "another password" } });
    expect(await wrong.was("stopped")).toMatchObject({ why: "sign-in-refused", error: { status: 401 } });
  });

  test("SDK-23: a function that gives the token is asked again when it fails; after a revocation `start` takes a new one", async () => {
    const server = await start();
    const eve = await server.person("eve");
    let asked = 0;
    const token = async () => {
      asked += 1;
      if (asked === 1) throw new Error("the product's own server is away");
      return eve.token;
    };
    const watched = rig.watch({ url: server.url, token });
    await watched.live();
    const error = { status: 0, message: "the product's own server is away" };
    expect(await watched.was("waiting")).toMatchObject({ why: "offline", error });
    await eve.api.ok("DELETE", "/logins");
    expect((await watched.was("stopped")).why).toBe("revoked");
    const again = { name: "eve", password: "a long password" };
    const { token: fresh } = await server.api.ok<{ token: string }>("POST", "/logins", again);
    watched.client.start({ token: fresh });
    await watched.live();
    expect(watched.client.token).toBe(fresh);
  });

  test("SDK-24: a server that says when to come back is asked then", async () => {
    const server = await start({ MAX_CONNECTIONS: "1" });
    const ben = await server.person("ben");
    const first = rig.watch({ url: server.url, token: ben.token, transports: ["websocket"] });
    await first.live();
    for (const transports of [["websocket"], ["sse"]] as const) {
      const began = Date.now();
      const second = rig.watch({ url: server.url, token: ben.token, transports });
      const wait = await second.was("waiting");
      expect(wait.why).toBe("busy");
      // The server says five seconds.
      expect(wait.until - began).toBeGreaterThan(4_900);
      second.client.stop();
    }
  });
});
