import { expect, test } from "bun:test";
import { Returns } from "./rig/returns.ts";
import { ServerRig } from "./rig/rig.ts";

const rig = new ServerRig();

/** These waits are so long that only something other than time can end them. */
const LONG = { backoffFirstMs: 60_000, backoffMaxMs: 60_000 };

test.each(["websocket", "sse", "long-poll"] as const)(
  "SDK-14: at `offline` a %s connection is left at once, and `online` brings it back",
  async (transport) => {
    const returns = new Returns();
    const watched = rig.open({ transports: [transport] }, { surroundings: returns.surroundings, timing: LONG });
    await watched.live(transport);
    returns.tell("offline");
    expect(await watched.was("waiting")).toMatchObject({ why: "offline" });
    returns.tell("online");
    await watched.live(transport);
  },
);

test("SDK-14: a request that succeeds ends a wait for want of a network", async () => {
  const watched = rig.open({}, { timing: LONG });
  await watched.live();
  rig.door.cut();
  expect(await watched.was("waiting")).toMatchObject({ why: "offline" });
  await watched.client.request("GET /me");
  await watched.live();
});
