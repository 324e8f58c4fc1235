import { afterAll, beforeAll, expect, test } from "bun:test";
import { CompiledQuery } from "kysely";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { plansOf } from "../../test/query-plans.ts";

let app: IdentityApp;
let token: string;
const uids = new Map<string, number>();

beforeAll(async () => {
  app = await openIdentityApp();
  for (const name of ["Anna", "ann", "Änne", "Anno", "Bert", "an", "syst", "ANNdere", "gone anna"]) {
    const made = await app.register(name);
    uids.set(name, made.uid);
    token = made.token;
  }
  await app.ask("/me", { method: "DELETE", token, body: { password: PASSWORD } });
  token = (await app.ask("/logins", { body: { name: "Bert", password: PASSWORD } })).body.token;
});
afterAll(() => app.close());

const names = (answer: { body: { items: { name: string }[] } }) => answer.body.items.map(({ name }) => name);

test.each([
  ["ann", ["ann", "Anna", "ANNdere", "Anno"]],
  ["ANN", ["ann", "Anna", "ANNdere", "Anno"]],
  ["anna", ["Anna"]],
  ["än", ["Änne"]],
  ["a%", []],
  ["sy", ["syst"]],
  ["system", []],
  ["deleted", []],
  ["gone", []],
])("ID-17: names that begin with %s", async (query, expected) => {
  const answer = await app.ask(`/users?query=${encodeURIComponent(query)}`, { token });
  expect(answer.status).toBe(200);
  expect(names(answer)).toEqual(expected);
});

test("ID-17: come in pages", async () => {
  const first = await app.ask("/users?query=an&limit=2", { token });
  expect(names(first)).toEqual(["an", "ann"]);
  const second = await app.ask(`/users?query=an&limit=2&cursor=${first.body.nextCursor}`, { token });
  expect(names(second)).toEqual(["Anna", "ANNdere"]);
  const third = await app.ask(`/users?query=an&limit=2&cursor=${second.body.nextCursor}`, { token });
  expect(names(third)).toEqual(["Anno"]);
  expect(third.body.nextCursor).toBeNull();
});

test("ID-17: people by id, those that exist, in the order asked, each once", async () => {
  const [anna, bert] = [uids.get("Anna"), uids.get("Bert")];
  const answer = await app.ask(`/users?ids=${bert},999999,${anna},${bert},1`, { token });
  expect(names(answer)).toEqual(["Bert", "Anna", "System"]);
  expect((await app.ask(`/users/${anna}`, { token })).body).toMatchObject({ uid: anna, name: "Anna" });
  expect((await app.ask("/users/999999", { token })).status).toBe(404);
});

test.each([
  "/users",
  "/users?query=a",
  "/users?query=%20a%20",
  "/users?query=a%E2%80%8D",
  "/users?ids=",
  "/users?ids=1,x",
  "/users?ids=1.5",
  `/users?query=${"%C2%AD".repeat(129)}`,
  `/users?ids=${Array.from({ length: 101 }, (_, i) => i + 1).join(",")}`,
  "/users/abc",
])("ID-17, HTTP-2: %s is 400 and says what is wrong", async (path) => {
  const { status, body } = await app.ask(path, { token });
  expect([status, body.errors]).toEqual([400, [{ path: expect.any(String), message: expect.any(String) }]]);
});

test.each(["/users?query=an&", "/me/export?", "/logins?"])("HTTP-3: %s refuses cursors it never gave", async (path) => {
  const cursors = ["garbage!", "%00", "x", `${"A".repeat(600)}`, "_w"];
  for (const cursor of cursors) {
    const { status, body } = await app.ask(`${path}cursor=${cursor}`, { token });
    expect({ cursor, status, code: body.code }).toEqual({ cursor, status: 400, code: "invalid" });
    expect(body.errors).toEqual([{ path: "cursor", message: "is not a cursor that this list gave" }]);
  }
  expect((await app.ask(`${path}cursor=&limit=`, { token })).status).toBe(200);
});

test("ID-17: need a login", async () => {
  for (const path of ["/users?query=ann", "/users/1", "/me", "/me/export"])
    expect((await app.ask(path)).status).toBe(401);
});

test("a search uses the index of names", async () => {
  const text =
    "select uid from users where name_key >= 'an' and name_key < 'ao' and name_key > '' order by name_key limit 5";
  const [plan] = await plansOf(app.scratch.place, [CompiledQuery.raw(text)]);
  expect(plan?.steps).toMatchObject([{ table: "users", by: ["name_key"] }]);
});
