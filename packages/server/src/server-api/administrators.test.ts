import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator, setPower } from "../../test/administrator.ts";
import { ApiClient } from "../../test/api-client.ts";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor } from "../../test/server-door.ts";

/** A server key and the administrators of the server, whose power it must not get. */
let server: TestServer;
let door: Door;
let root: Person;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  root = await administrator(server, "root");
});
afterAll(() => server.stop());

const tokenOf = (uid: number) => door.call<{ token: string }>("POST", `/users/~${uid}/tokens`);
const statusOf = async (token: string) => (await new ApiClient(server.url, token).call("GET", "/admin/stats")).status;

test("SRV-26: a server key gets no token of an administrator, and neither changes nor deletes one", async () => {
  for (const reply of [
    await tokenOf(root.uid),
    await door.call("PUT", `/users/~${root.uid}`, { name: "somebody" }),
    await door.call("DELETE", `/users/~${root.uid}`),
  ]) {
    expect(reply).toMatchObject({ status: 422, body: { code: "administrator_protected" } });
  }
  expect(await door.ok("GET", `/users/~${root.uid}`)).toMatchObject({ name: "root" });
  expect(await statusOf(root.token)).toBe(200);
});

test("SRV-26: of somebody who becomes an administrator, the logins end that server keys have made, and no others", async () => {
  const ada = await server.person("ada");
  const early = (await tokenOf(ada.uid)).body.token;
  expect(await statusOf(early)).toBe(403);
  await setPower(server, "ada", 1);
  expect([await statusOf(early), await statusOf(ada.token)]).toEqual([401, 200]);
  await setPower(server, "ada", 0);
  expect((await tokenOf(ada.uid)).status).toBe(201);
});
