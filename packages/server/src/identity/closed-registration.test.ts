import { afterEach, beforeEach, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { addAccount } from "./admin-actions.ts";

let app: IdentityApp;
let root: string;
beforeEach(async () => {
  app = await openIdentityApp({ REGISTRATION: "closed", RATE_LIMITS: "on" });
  await addAccount(app.context, { name: "root", password: PASSWORD, power: 1 });
  root = (await signIn("root")).body.token;
});
afterEach(() => app.close());

const signIn = (name: string) => app.ask("/logins", { body: { name, password: PASSWORD }, ip: "203.0.113.50" });
const make = (name: string, token?: string) =>
  app.ask("/accounts", { body: { name, password: PASSWORD }, ...(token === undefined ? {} : { token }) });
const closed = { status: 403, body: { code: "registration_closed" } };
/** Each account costs a hash, and the machine may be busy. */
const SLOW_MS = 60_000;

test(
  "ID-1: an administrator makes accounts for others, more than an address may, and each is noted",
  async () => {
    for (let n = 0; n < 25; n++) expect((await make(`person ${n}`, root)).status).toBe(201);
    const made = await make("Ada", root);
    expect(made).toMatchObject({ status: 201, body: { user: { name: "Ada", power: 0 } } });
    expect((await app.ask("/me", { token: made.body.token })).body).toMatchObject({ name: "Ada" });
    expect((await signIn("Ada")).status).toBe(201);

    const { uid } = (await app.ask("/me", { token: root })).body;
    const acts = app.scratch.db.selectFrom("audit").selectAll().where("act", "=", "user.add").where("uid", "=", uid);
    const noted = await acts.orderBy("id").execute();
    expect(noted).toHaveLength(26);
    expect(noted.at(-1)).toMatchObject({ target: `${made.body.user.uid}`, after: '{"power":0}', ip: "203.0.113.9" });
  },
  SLOW_MS,
);

test(
  "ID-1: everybody else is refused, with whatever token they have",
  async () => {
    const { body } = await make("Ada", root);
    expect(await make("Ben")).toMatchObject(closed);
    expect(await make("Ben", body.token)).toMatchObject(closed);
    expect(await make("Ben", "pl_never_given_out")).toMatchObject({ status: 401 });
    await app.ask("/logins/current", { method: "DELETE", token: root });
    expect(await make("Ben", root)).toMatchObject({ status: 401 });
    expect((await signIn("Ben")).status).toBe(401);
  },
  SLOW_MS,
);

test("ID-1: an administrator's tries count as acts, also those that make nothing", async () => {
  // A name that is taken costs no hash.
  for (let n = 0; n < 60; n++) expect(await make("root", root)).toMatchObject({ status: 409 });
  expect(await make("root", root)).toMatchObject({ status: 429 });
  expect(await make("Ada", root)).toMatchObject({ status: 429 });
});

test("ID-1: where registration is open, an old token does not stand in the way of a new account", async () => {
  const open = await openIdentityApp();
  const body = { name: "Ada", password: PASSWORD };
  expect((await open.ask("/accounts", { body, token: "pl_never_given_out" })).status).toBe(201);
  await open.close();
});
