import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "../../test/harness.ts";
import { type Door, openDoor } from "../../test/server-door.ts";

let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());

test.each([
  ["POST", "/users/43/tokens", 'There is no user "43"'],
  ["GET", "/users/a%22b", 'There is no user "a\\"b"'],
  ["PUT", "/users/~999999", "There is no user ~999999"],
  ["DELETE", "/users/43/logins", 'There is no user "43"'],
  ["GET", "/rooms/order-9", 'There is no room "order-9"'],
  ["PUT", "/rooms/~999999", "There is no room ~999999"],
  ["POST", "/rooms/order-9/members", 'There is no room "order-9"'],
  ["GET", "/rooms/~999999/messages", "There is no room ~999999"],
])("SRV-20: %s %s says whom or what it does not find", async (method, path, detail) => {
  const { status, body } = await door.call(method, path, method === "GET" ? undefined : {});
  expect([status, body]).toMatchObject([404, { code: "not_found", detail }]);
});

test("SRV-20: what is wrong with an id of Parley's is said of what follows the tilde", async () => {
  const { status, body } = await door.call<{ errors: object[] }>("GET", "/users/~ada");
  expect(status).toBe(400);
  expect(body.errors).toEqual([{ path: "user", message: "what follows ~ must be a whole number from 1" }]);
});
