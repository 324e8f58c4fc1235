import { afterAll, beforeAll, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { atOnce } from "./at-once.ts";
import { TestServer } from "./harness.ts";
import { takeSpace } from "./no-space.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

test("ID-49, GW-40: signing out with the disk full closes the connections and ends the token, and says that it is not stored", async () => {
  const ann = await server.person("ann");
  const live = await server.live(ann);
  const makeSpace = await takeSpace(server.place, "delete on logins");
  const reply = await ann.api.call("DELETE", "/logins/current");
  expect(reply).toMatchObject({ status: 503, body: { code: "overloaded" } });
  await atOnce(server, "the connection has ended", () => live.closed);
  expect(live.closed?.code).toBe(4001);
  expect(live.frames.at(-1)).toEqual({ type: Push.INVALIDATE_TOKEN });
  expect((await ann.api.call("GET", "/me")).status).toBe(401);
  await makeSpace();
});
