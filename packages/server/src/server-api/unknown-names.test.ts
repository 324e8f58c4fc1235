import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "../../test/harness.ts";
import { type Door, openDoor } from "../../test/server-door.ts";

/** Requests that name people or rooms whom nobody knows, by whatever route. */
let server: TestServer;
let door: Door;
beforeAll(async () => {
  server = await TestServer.start();
  door = await openDoor(server, "shop");
  await door.ok("PUT", "/users/ann", {});
  await door.ok("PUT", "/rooms/order-7", {});
}, 20_000);
afterAll(() => server.stop());

const NOBODY = Array.from({ length: 150 }, (_, index) => `nobody-${index}`);
const NAMED = ["ann", ...NOBODY];
const NOTICE = { kind: "approval", title: "A request", text: "" };

test.each<[name: string, path: string, body: object, list: string]>([
  ["NTF-3: of a notification", "/notifications", { ...NOTICE, to: { users: NAMED } }, "to.users"],
  ["EVT-3: of an event", "/events", { kind: "cart", data: 1, to: { users: NAMED } }, "to.users"],
  ["SRV-32: of a change of members", "/rooms/order-7/members", { add: NAMED }, "add"],
  ["SRV-44: of a question for presence", "/presence", { users: NAMED }, "users"],
])("%s the first hundred names that nobody knows are named with their places", async (_, path, body, list) => {
  const reply = await door.call("POST", path, body);
  expect(reply).toMatchObject({ status: 422, body: { code: "unknown_user" } });
  const { errors, detail } = reply.body as { errors: { path: string; message: string }[]; detail: string };
  expect(errors).toEqual(
    NOBODY.slice(0, 100).map((name, index) => ({ path: `${list}.${index + 1}`, message: `is not known: "${name}"` })),
  );
  expect(detail).toBe(`${list}.1 is not known: "nobody-0"`);
});

test("SRV-32: of people who are to come and to go, the first hundred are named", async () => {
  const items = Array.from({ length: 99 }, (_, index) => ({ externalId: `two-${index}` }));
  await door.ok("POST", "/users", { items });
  await door.ok("POST", "/users", {
    items: items.slice(0, 9).map(({ externalId }) => ({ externalId: `more-${externalId}` })),
  });
  const both = items.map(({ externalId }) => externalId);
  const all = [...both, ...both.slice(0, 9).map((name) => `more-${name}`)];
  const reply = await door.call("POST", "/rooms/order-7/members", { add: all, remove: all });
  expect(reply).toMatchObject({ status: 400, body: { code: "invalid" } });
  expect((reply.body as { errors: object[] }).errors).toHaveLength(100);
});

test("NTF-3: where nobody is left, all are named with their places, also where they would be skipped", async () => {
  const reply = await door.call("POST", "/notifications?unknown=skip", {
    ...NOTICE,
    to: { users: ["no one", 999_999] },
  });
  expect(reply).toMatchObject({ status: 422, body: { code: "unknown_user" } });
  expect((reply.body as { errors: object[] }).errors).toEqual([
    { path: "to.users.0", message: 'is not known: "no one"' },
    { path: "to.users.1", message: "is not known: 999999 (an id of Parley's; your own ids are strings)" },
  ]);
});
