import { describe, expect, test } from "bun:test";
import { join } from "node:path";
import { withDeadline } from "../../server/src/lib/interval.ts";
import { say } from "../../server/test/harness.ts";
import { ServerRig } from "./rig/rig.ts";

const ONLY_WEBSOCKET = { transports: ["websocket"] } as const;

describe("stop and start in the middle of things", () => {
  const rig = new ServerRig();

  test.each([["connecting"], ["catching-up"], ["live"]] as const)(
    "SDK-28: a stop in a handler of `%s` leaves no connection behind",
    async (kind) => {
      const watched = rig.open(ONLY_WEBSOCKET);
      watched.client.on("state", (state) => {
        if (state.kind === kind) watched.client.stop();
      });
      await watched.was("stopped");
      const asked = rig.door.asked.websocket;
      const other = rig.open(ONLY_WEBSOCKET);
      await other.live();
      expect(rig.door.asked.websocket).toBe(asked + 1);
      expect(asked).toBe(kind === "connecting" ? 0 : 1);
      expect(watched.client.state).toEqual({ kind: "stopped", why: "asked" });
      expect(watched.states.at(-1)?.kind).toBe("stopped");
    },
  );

  test("SDK-28: a stop in a handler of `waiting` lets a program end at once", async () => {
    const program = Bun.spawn([process.execPath, join(import.meta.dir, "rig/stop-program.ts")], { stdout: "pipe" });
    try {
      expect(await withDeadline(program.exited, 15_000, "the program goes on")).toBe(0);
      expect((await new Response(program.stdout).text()).trim().split("\n").at(-1)).toBe("waiting");
    } finally {
      program.kill();
    }
  }, 20_000);

  test("SDK-28: start, stop and start again are one connection, whenever the token comes", async () => {
    const tokens: ((token: string) => void)[] = [];
    const watched = rig.open({
      ...ONLY_WEBSOCKET,
      token: () => new Promise<string>((resolve) => tokens.push(resolve)),
    });
    watched.client.stop();
    watched.client.start();
    for (const give of tokens) give(rig.stage.ben.token);
    await watched.live();
    const room = await rig.stage.room();
    await say(rig.stage.ann, room, "once");
    await watched.said(room, "once");
    expect(rig.door.asked.websocket).toBe(1);
    expect(watched.texts(room)).toEqual(["once"]);
  });
});

describe("where a user may have one connection", () => {
  const rig = new ServerRig({ MAX_CONNECTIONS_PER_USER: "1" });

  test("SDK-22: `start` in the very handler that is told `replaced` goes on", async () => {
    const oldest = rig.open(ONLY_WEBSOCKET);
    await oldest.live();
    const end = oldest.client.on("state", (state) => {
      if (state.kind !== "stopped") return;
      end();
      oldest.client.start();
    });
    const newest = rig.open(ONLY_WEBSOCKET);
    expect((await newest.was("stopped")).why).toBe("replaced");
    await oldest.live();
  });

  test("SDK-46: one that was pushed out sends what waits; one that its program has stopped does not", async () => {
    const room = await rig.stage.room();
    const oldest = rig.open(ONLY_WEBSOCKET);
    await oldest.live();
    const newest = rig.open(ONLY_WEBSOCKET);
    expect((await oldest.was("stopped")).why).toBe("replaced");
    expect((await oldest.client.send(room, "from the oldest")).message.no).toBe(1);
    await newest.said(room, "from the oldest");
    newest.client.stop();
    const sent = newest.client.send(room, "from the newest");
    await say(rig.stage.ann, room, "meanwhile");
    expect(newest.client.waiting).toBe(1);
    newest.client.start();
    expect((await sent).message.no).toBe(3);
  });
});
