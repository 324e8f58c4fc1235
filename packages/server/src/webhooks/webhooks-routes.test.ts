import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator } from "../../test/administrator.ts";
import { type Person, TestServer } from "../../test/harness.ts";
import { CAPS } from "../limits/caps.ts";

const URL = "http://127.0.0.1:9/hook";

let server: TestServer;
let root: Person;
beforeAll(async () => {
  server = await TestServer.start();
  root = await administrator(server, "root");
}, 20_000);
afterAll(() => server.stop());

interface Made {
  id: number;
  secret: string;
}
const make = (body: unknown) => root.api.call<Made>("POST", "/admin/webhooks", body);
const list = () => root.api.ok<{ items: object[] }>("GET", "/admin/webhooks");

test("HOOK-10: a webhook is made, shown, changed and removed, and its secret is shown when it is made and never again", async () => {
  const made = await make({ url: URL });
  expect(made).toMatchObject({ status: 201, body: { url: URL, events: null, failingSince: null, deadLetters: 0 } });
  const { id, secret } = made.body;
  expect(secret).toMatch(/^whsec_[A-Za-z0-9+/]{43}=$/);
  const shown = { id, url: URL, events: null, createdAt: expect.any(Number), failingSince: null };
  expect(await list()).toEqual({
    items: [{ ...shown, lag: expect.any(Number), behind: 0, deadLetters: 0 }],
    nextCursor: null,
  } as never);
  const changed = await root.api.ok("PATCH", `/admin/webhooks/${id}`, { events: ["ROOM", "ROOM", "online"] });
  expect(changed).toMatchObject({ url: URL, events: ["ROOM", "online"] });
  expect(await root.api.ok("PATCH", `/admin/webhooks/${id}`, { url: `${URL}2` })).toMatchObject({
    ...{ url: `${URL}2`, events: ["ROOM", "online"] },
  });
  expect(await root.api.ok("PATCH", `/admin/webhooks/${id}`, { events: null })).toMatchObject({ events: null });
  expect(await root.api.ok("PATCH", `/admin/webhooks/${id}`, {})).toMatchObject({ url: `${URL}2`, events: null });
  expect(await root.api.ok("GET", `/admin/webhooks/${id}/dead-letters`)).toEqual({ items: [], nextCursor: null });
  expect((await root.api.call("DELETE", `/admin/webhooks/${id}`)).status).toBe(204);
  for (const [method, path] of [
    ["DELETE", ""],
    ["PATCH", ""],
    ["GET", "/dead-letters"],
    ["POST", "/dead-letters/1/retry"],
  ] as const) {
    const body = method === "PATCH" ? {} : undefined;
    expect(await root.api.call(method, `/admin/webhooks/${id}${path}`, body)).toMatchObject({ status: 404 });
  }
  expect((await list()).items).toEqual([]);
  expect(server.log.join("")).not.toContain(secret.slice(6));
});

test.each([
  ["ftp://shop.example/", "url"],
  ["http://name:password@shop.example/", "url"],
  ["http://shop.example/#part", "url"],
  ["/hook", "url"],
  ["http://", "url"],
  [`http://shop.example/${"x".repeat(2048)}`, "url"],
])("HOOK-10: %p is no address for a webhook", async (url, path) => {
  expect(await make({ url })).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path }] } });
});

test("HOOK-10: events that nobody knows are refused, and a cursor that the list did not give", async () => {
  for (const events of [["SELF"], [], "MESSAGE", [1]]) {
    expect(await make({ url: URL, events })).toMatchObject({ status: 400, body: { code: "invalid" } });
  }
  const { id } = (await make({ url: URL })).body;
  expect(await root.api.call("GET", `/admin/webhooks/${id}/dead-letters?cursor=x`)).toMatchObject({ status: 400 });
  await root.api.ok("DELETE", `/admin/webhooks/${id}`);
});

test("HOOK-10: there are at most ten", async () => {
  const ids: number[] = [];
  for (let n = 0; n < CAPS.webhooks.count; n++) ids.push((await make({ url: `${URL}${n}` })).body.id);
  expect(await make({ url: URL })).toMatchObject({ status: 422, body: { code: "too_many_webhooks" } });
  await root.api.ok("DELETE", `/admin/webhooks/${ids[0]}`);
  expect((await make({ url: URL })).status).toBe(201);
});
