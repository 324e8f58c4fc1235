import { afterAll, beforeAll, expect, test } from "bun:test";
import { SERVER_SCOPES } from "@parley/protocol";
import { ApiClient } from "../../test/api-client.ts";
import { PASSWORD, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { withRaw } from "../../test/test-database.ts";
import { setUser } from "../identity/admin-writes.ts";
import { createLogin } from "../identity/logins-writes.ts";
import { hashOf, newToken } from "../identity/tokens.ts";

let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
}, 20_000);
afterAll(() => server.stop());

const givePower = (name: string) => server.storage.writes.run(setUser, { name, power: 1 });

test("SRV-26: a server key neither signs an administrator in or out nor changes or deletes their account", async () => {
  const root = await server.person("root");
  await givePower("root");
  for (const [method, path, body] of [
    ["POST", `/users/~${root.uid}/tokens`, {}],
    ["PUT", `/users/~${root.uid}`, { name: "nobody" }],
    ["PUT", `/users/~${root.uid}`, {}],
    ["DELETE", `/users/~${root.uid}`],
    ["DELETE", `/users/~${root.uid}/logins`],
  ] as const) {
    const reply = await door.call(method, path, body);
    expect([method, path, reply.status, reply.body]).toMatchObject([
      method,
      path,
      422,
      { code: "administrator_protected" },
    ]);
  }
  expect(await root.api.ok("GET", "/me")).toMatchObject({ name: "root", power: 1 });
  expect(await door.ok("GET", `/users/~${root.uid}`)).toMatchObject({ name: "root" });
});

test("SRV-26: no login that needed no password becomes an administrator's", async () => {
  const eve = await server.person("eve");
  const { token } = await door.ok<{ token: string }>("POST", `/users/~${eve.uid}/tokens`);
  const ofKey = new ApiClient(server.url, token);
  await ofKey.ok("GET", "/me");
  // A login by a key may have confirmed the code of another device.
  const byCode = newToken();
  const login = { uid: eve.uid, tokenHash: hashOf(byCode), ip: "", userAgent: "", via: "qr" as const };
  await server.storage.writes.run(createLogin, login);
  const ofCode = new ApiClient(server.url, byCode);
  await ofCode.ok("GET", "/me");
  await givePower("eve");
  expect((await ofKey.call("GET", "/me")).status).toBe(401);
  expect((await ofCode.call("GET", "/me")).status).toBe(401);
  // The devices on which they have signed in themselves stay as they are.
  expect(await eve.api.ok("GET", "/me")).toMatchObject({ power: 1 });
  expect((await server.api.call("POST", "/logins", { name: "eve", password: PASSWORD })).status).toBe(201);
});

test("SRV-26: one of the product's own people stays the product's with an administrator's power", async () => {
  const boss = await personAtDoor(server, door, "boss");
  await withRaw(server.place, (raw) => raw.rows("update users set power = 1 where uid = ?", boss.uid));
  for (const ref of ["boss", `~${boss.uid}`]) {
    await door.ok("PUT", `/users/${ref}`, { name: "Boss" });
    const { token } = await door.ok<{ token: string }>("POST", `/users/${ref}/tokens`);
    expect(await new ApiClient(server.url, token).ok("GET", "/me")).toMatchObject({ name: "Boss", power: 1 });
    await door.ok("DELETE", `/users/${ref}/logins`);
  }
  const key = await openDoor(server, "people", { scopes: SERVER_SCOPES.filter((scope) => scope === "users") });
  expect((await key.call("DELETE", "/users/boss")).status).toBe(204);
});
