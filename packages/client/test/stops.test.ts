import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say, TestServer } from "../../server/test/harness.ts";
import { Stage } from "../../server/test/transports/stage.ts";
import { Door } from "./door.ts";
import { WatchedClient } from "./watched-client.ts";

const ONLY_WEBSOCKET = { transports: ["websocket"] } as const;

describe("stop and start in the middle of things", () => {
  let stage: Stage;
  let door: Door;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage.close());
  beforeEach(async () => {
    door = await Door.open(stage.server.url);
  });
  afterEach(() => door.close());
  const open = (more: object = {}) => new WatchedClient({ url: door.url, token: stage.ben.token, ...more });

  test.each([["connecting"], ["catching-up"], ["live"]] as const)(
    "SDK-28: a stop in a handler of `%s` leaves no connection behind",
    async (kind) => {
      const watched = open(ONLY_WEBSOCKET);
      watched.client.on("state", (state) => {
        if (state.kind === kind) watched.client.stop();
      });
      await watched.was("stopped");
      const asked = door.asked.websocket;
      const other = open(ONLY_WEBSOCKET);
      await other.live();
      expect(door.asked.websocket).toBe(asked + 1);
      expect(asked).toBe(kind === "connecting" ? 0 : 1);
      expect(watched.client.state).toEqual({ kind: "stopped", why: "asked" });
      expect(watched.states.at(-1)?.kind).toBe("stopped");
      other.client.stop();
    },
  );

  test("SDK-28: a stop in a handler of `waiting` lets a program end at once", async () => {
    const program = Bun.spawn([process.execPath, join(import.meta.dir, "stop-program.ts")], { stdout: "pipe" });
    try {
      expect(await withDeadline(program.exited, 15_000, "the program goes on")).toBe(0);
      expect((await new Response(program.stdout).text()).trim().split("\n").at(-1)).toBe("waiting");
    } finally {
      program.kill();
    }
  });

  test("SDK-28: start, stop and start again are one connection, whenever the token comes", async () => {
    const tokens: ((token: string) => void)[] = [];
    const watched = open({ ...ONLY_WEBSOCKET, token: () => new Promise<string>((resolve) => tokens.push(resolve)) });
    watched.client.stop();
    watched.client.start();
    for (const give of tokens) give(stage.ben.token);
    await watched.live();
    const room = await stage.room();
    await say(stage.ann, room, "once");
    await watched.said(room, "once");
    expect(door.asked.websocket).toBe(1);
    expect(watched.texts(room)).toEqual(["once"]);
    watched.client.stop();
  });
});

test("SDK-22: `start` in the very handler that is told `replaced` goes on", async () => {
  const server = await TestServer.start({ HALL: "off", MAX_CONNECTIONS_PER_USER: "1" });
  const ben = await server.person("ben");
  const options = { url: server.url, token: ben.token, ...ONLY_WEBSOCKET };
  const oldest = new WatchedClient(options);
  await oldest.live();
  const end = oldest.client.on("state", (state) => {
    if (state.kind !== "stopped") return;
    end();
    oldest.client.start();
  });
  const newest = new WatchedClient(options);
  expect((await newest.was("stopped")).why).toBe("replaced");
  await oldest.live();
  for (const one of [oldest, newest]) one.client.stop();
  await server.stop();
});
