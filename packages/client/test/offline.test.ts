import { expect, test } from "bun:test";
import { Stage } from "../../server/test/transports/stage.ts";
import { Door } from "./door.ts";
import { WatchedClient } from "./watched-client.ts";

type Told = "online" | "offline" | "focus";

/** Waits so long that only something else than time can end them. */
const LONG = { backoffFirstMs: 60_000, backoffMaxMs: 60_000 };

test.each(["websocket", "sse", "long-poll"] as const)(
  "SDK-14: at `offline` a %s connection is left at once, and `online` brings it back",
  async (transport) => {
    const stage = await Stage.open();
    let tell: (what: Told) => void = () => {};
    const surroundings = {
      onReturn(run: typeof tell) {
        tell = run;
        return () => {};
      },
    };
    const options = { url: stage.server.url, token: stage.ben.token, transports: [transport] };
    const watched = new WatchedClient(options, { surroundings, timing: LONG });
    await watched.live(transport);
    tell("offline");
    expect(await watched.was("waiting")).toMatchObject({ why: "offline" });
    tell("online");
    await watched.live(transport);
    watched.client.stop();
    await stage.close();
  },
);

test("SDK-14: a request that succeeds ends a wait for want of a network", async () => {
  const stage = await Stage.open();
  const door = await Door.open(stage.server.url);
  const watched = new WatchedClient({ url: door.url, token: stage.ben.token }, { timing: LONG });
  await watched.live();
  door.cut();
  expect(await watched.was("waiting")).toMatchObject({ why: "offline" });
  await watched.client.request("GET /me");
  await watched.live();
  watched.client.stop();
  door.close();
  await stage.close();
});
