import { afterAll, beforeAll, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { textCursor } from "../http/page.ts";

let app: IdentityApp;
let token: string;
beforeAll(async () => {
  app = await openIdentityApp();
  ({ token } = await app.register("Ada"));
});
afterAll(() => app.close());

/** PostgreSQL refuses such a text, so one that reached it would be a fault of the server. */
test.each<[path: string, ask: object, status: number]>([
  ["/logins", { body: { name: "Ada\0", password: PASSWORD } }, 401],
  ["/logins", { body: { name: "\0", password: PASSWORD } }, 401],
  ["/qr-logins/a%00b", {}, 404],
  ["/users?query=ad%00", {}, 200],
  [`/users?query=ad&cursor=${textCursor("ada\0")}`, {}, 400],
  [`/me/export?cursor=${textCursor("a\0b")}`, {}, 400],
  [`/me/export?cursor=${textCursor("\u00011.5")}`, {}, 200],
  [`/me/export?cursor=${textCursor(`\u0001${2 ** 60}`)}`, {}, 200],
])("HTTP-26: a text that no row can have is found nowhere: %j", async (path, ask, status) => {
  expect((await app.ask(path, { token, ...ask })).status).toBe(status);
});

test("ID-9: a name with a 0 byte is not that of the account without it", async () => {
  const signIn = (name: string) => app.ask("/logins", { body: { name, password: PASSWORD } });
  expect([(await signIn("Ada")).status, (await signIn("\0Ada")).status]).toEqual([201, 401]);
});
