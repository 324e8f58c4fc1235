import { afterAll, beforeAll, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { TestServer } from "./harness.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

test("FRD-9: a connection is told how many requests are not read when it begins, and whenever that has changed", async () => {
  const [ann, ben, cai] = [await server.person("ann"), await server.person("ben"), await server.person("cai")];
  const ask = (from: typeof ann) => from.api.ok<{ id: number }>("POST", "/friend-requests", { userId: ben.uid });
  await ask(ann);
  const live = await server.live(ben);
  const dot = (friendRequests: number) =>
    live.frame(Push.RED_DOT, ({ data }) => data.friendRequests === friendRequests && Array.isArray(data.rooms));
  await dot(1);
  const { id } = await ask(cai);
  await dot(2);
  await ben.api.ok("PUT", "/friend-requests/read", { upTo: id });
  expect((await dot(0)).data).toMatchObject({ rooms: [], notifications: 0 });
}, 20_000);
