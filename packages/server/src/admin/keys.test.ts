import { afterAll, beforeAll, expect, test } from "bun:test";
import { SERVER_SCOPES } from "@parley/protocol";
import { administrator } from "../../test/administrator.ts";
import { ApiClient } from "../../test/api-client.ts";
import { type Person, TestServer } from "../../test/harness.ts";

let server: TestServer;
let root: Person;
beforeAll(async () => {
  server = await TestServer.start();
  root = await administrator(server, "root");
}, 20_000);
afterAll(() => server.stop());

interface Made {
  readonly id: number;
  readonly key: string;
}
const make = (body: object) => root.api.ok<Made>("POST", "/admin/keys", body);
const list = async () => (await root.api.ok<{ items: { id: number; name: string }[] }>("GET", "/admin/keys")).items;
const statusWith = async (key: string) => {
  return (await new ApiClient(server.url, key).call("GET", `/server/users/~${root.uid}`)).status;
};

test("ADM-5: a key holds from its reply to the reply of its end, and is shown once", async () => {
  const { id, key } = await make({ name: "shop", scopes: ["users"], rate: 7, expiresAt: Date.now() + 60_000 });
  expect(await statusWith(key)).toBe(200);
  const items = await list();
  expect(items).toMatchObject([{ id, name: "shop", scopes: ["users"], rate: 7 }]);
  expect(JSON.stringify(items)).not.toContain(key.slice(3));
  await root.api.ok("DELETE", `/admin/keys/${id}`);
  expect(await statusWith(key)).toBe(401);
  expect(await list()).toEqual([]);
  expect((await root.api.call("DELETE", `/admin/keys/${id}`)).status).toBe(404);
});

test("ADM-5: without scopes it has all of them, as by parley key", async () => {
  const { id } = await make({ name: "all" });
  expect(await list()).toMatchObject([{ id, scopes: [...SERVER_SCOPES], expiresAt: null, rate: null }]);
  expect(await root.api.call("POST", "/admin/keys", { name: "all" })).toMatchObject({
    status: 409,
    body: { code: "name_taken" },
  });
});

test.each([
  [{ name: "" }, "name"],
  [{ name: "two words" }, "name"],
  [{ name: "x", scopes: [] }, "scopes"],
  [{ name: "x", scopes: ["everything"] }, "scopes.0"],
  [{ name: "x", rate: 0 }, "rate"],
  [{ name: "x", scope: ["feed"] }, "scope"],
])("ADM-5: %j is 400 and says what is wrong", async (body, path) => {
  const reply = await root.api.call<{ errors: { path: string }[] }>("POST", "/admin/keys", body);
  expect([reply.status, reply.body.errors[0]?.path]).toEqual([400, path]);
});

test("ADM-5: an end that has passed is refused, and a key signs no administrator in", async () => {
  expect(await root.api.call("POST", "/admin/keys", { name: "late", expiresAt: 1 })).toMatchObject({
    status: 400,
    body: { code: "invalid", errors: [{ path: "expiresAt" }] },
  });
  const { key } = await make({ name: "product" });
  expect((await new ApiClient(server.url, key).call("GET", "/admin/keys")).status).toBe(401);
});
