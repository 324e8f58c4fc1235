/** The door of `/api/v1/admin`, for every route that the document has there: a new route is tried here without being named. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator, setPower } from "../../test/administrator.ts";
import { ApiClient } from "../../test/api-client.ts";
import { apiDocument, operationsOf } from "../../test/api-document.ts";
import { type Person, TestServer } from "../../test/harness.ts";

const routes = operationsOf(apiDocument())
  .filter(({ path }) => path.startsWith("/api/v1/admin/"))
  .map(({ method, path, operation }) => [`${method} ${path}`, { method, path, operation }] as const);

let server: TestServer;
let root: Person;
let ann: Person;
beforeAll(async () => {
  server = await TestServer.start();
  root = await administrator(server, "root");
  ann = await server.person("ann");
}, 20_000);
afterAll(() => server.stop());

/** Requests a route without valid input, so that only the door can refuse it. */
function ask(by: ApiClient, method: string, path: string) {
  return by.call<{ code?: string }>(method, path.replace("/api/v1", "").replaceAll(/\{.+?\}/g, "0x2"));
}

test("ADM-1: there are routes for administrators", () => {
  expect(routes.length).toBeGreaterThan(0);
});

test.each(routes)(
  "ADM-1: %s is 403 for a member, 401 for nobody, and says so",
  async (_, { method, path, operation }) => {
    expect(operation.security).toEqual([{ bearer: ["administrator"] }]);
    expect(operation.responses).toHaveProperty("403");
    expect(await ask(ann.api, method, path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    expect(await ask(server.api, method, path)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    const unknown = new ApiClient(server.url, "pl_of-nobody");
    expect(await ask(unknown, method, path)).toMatchObject({ status: 401, body: { code: "unauthorized" } });
    expect([401, 403]).not.toContain((await ask(root.api, method, path)).status);
  },
);

test("ADM-1: what an administrator may do ends with their power, for logins that they have already", async () => {
  const kay = await administrator(server, "kay");
  expect((await kay.api.call("GET", "/admin/stats")).status).toBe(200);
  await setPower(server, "kay", 0);
  expect((await kay.api.call("GET", "/admin/stats")).status).toBe(403);
  await setPower(server, "kay", 1);
  expect((await kay.api.call("GET", "/admin/stats")).status).toBe(200);
});

test("ADM-2: the server in numbers", async () => {
  const { body } = await root.api.call<Record<string, unknown>>("GET", "/admin/stats");
  const people = 3;
  expect(body).toMatchObject({ version: expect.any(String), onlineNum: 0, people });
  const live = await server.live(ann);
  expect(await root.api.ok<object>("GET", "/admin/stats")).toMatchObject({ onlineNum: 1, people });
  live.close();
});
