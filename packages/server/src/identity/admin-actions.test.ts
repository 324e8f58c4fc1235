import { afterEach, beforeEach, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp } from "../../test/identity-app.ts";
import { openUserAccounts } from "../cli/user-accounts.ts";
import { LogReader } from "../event-log/log-reader.ts";
import { putPeople } from "./external-people-writes.ts";
import { Internal } from "./internal-events.ts";
import { createLogin } from "./logins-writes.ts";

let app: IdentityApp;
let accounts: Awaited<ReturnType<typeof openUserAccounts>>;
beforeEach(async () => {
  app = await openIdentityApp({ REGISTRATION: "closed" });
  accounts = await openUserAccounts({ data: app.scratch.data }, app.clock);
});
afterEach(async () => {
  await accounts.close();
  await app.close();
});

const signIn = (name: string, password: string) => app.ask("/logins", { body: { name, password } });

test("ID-18: an operator adds accounts beside a server that runs, also where registration is closed", async () => {
  const { uid } = await accounts.add({ name: "Root", password: "by the operator", power: 1 });
  expect((await signIn("root", "by the operator")).body.user).toMatchObject({ uid, name: "Root", power: 1 });
  expect(await accounts.list()).toEqual([
    { uid: 1, name: "System", power: 0, disabled: false, externalId: null },
    { uid, name: "Root", power: 1, disabled: false, externalId: null },
  ]);
});

test("ID-18: and changes them: the running server learns it from the log", async () => {
  await accounts.add({ name: "Ada", password: "first password", power: 0 });
  const { token } = (await signIn("Ada", "first password")).body;
  await app.context.logins.find(token);
  const { uid } = await accounts.set("ADA", { power: 1, password: "second password" });
  const events = await new LogReader(app.scratch.db).all(0, 10);
  expect(events.map(({ type, data }) => [type, JSON.parse(data ?? "")])).toEqual([
    [Internal.PERSON_MADE, { uid }],
    [Internal.LOGINS_REVOKED, { loginIds: [1] }],
    [Internal.USER_CHANGED, { uid }],
  ]);
  for (const { data, ...event } of events) {
    app.context.logins.onEvent({ ...event, data: data ?? "", storesData: true, cacheable: true, author: null });
  }
  expect((await app.ask("/me", { token })).status).toBe(401);
  expect((await signIn("Ada", "first password")).status).toBe(401);
  expect((await signIn("Ada", "second password")).body.user.power).toBe(1);
  await accounts.set("Ada", { power: 0 });
  expect((await signIn("Ada", "second password")).body.user.power).toBe(0);
});

test("ID-18: the operator sees an account's logins, the newest first", async () => {
  const { uid } = await accounts.add({ name: "Ada", password: "long enough", power: 0 });
  for (const userAgent of ["old", "new"]) {
    const login = { uid, tokenHash: userAgent, ip: "203.0.113.9", userAgent, via: "password" as const };
    await app.context.writes.run(createLogin, login);
  }
  expect((await accounts.logins("ada")).map(({ userAgent }) => userAgent)).toEqual(["new", "old"]);
});

test("ID-18: deleted accounts are not listed", async () => {
  await accounts.add({ name: "Ada", password: "long enough", power: 0 });
  const { token } = (await signIn("Ada", "long enough")).body;
  expect((await app.ask("/me", { method: "DELETE", token, body: { password: "long enough" } })).status).toBe(204);
  expect(await accounts.list()).toEqual([{ uid: 1, name: "System", power: 0, disabled: false, externalId: null }]);
});

test("ID-18: people of the product's are listed with their external ids, and named by their uid as everybody may be", async () => {
  const made = (name: string) => accounts.add({ name, password: "long enough", power: 0 });
  const [ada, other] = [await made("Ada"), await made("~20000")];
  const { person } = await app.context.writes.run(putPeople, { by: "key 1", externalId: "customer 42", name: "Ada" });
  const { uid } = person;
  const called = `~${uid}`;
  expect((await accounts.list()).filter(({ name }) => name === "Ada")).toEqual([
    { uid: ada.uid, name: "Ada", power: 0, disabled: false, externalId: null },
    { uid, name: "Ada", power: 0, disabled: false, externalId: "customer 42" },
  ]);
  // What somebody is called for a uid's sake says nothing.
  expect([ada.uid, await accounts.disable("~20000")]).toEqual([20_000, { uid: ada.uid }]);
  expect(await accounts.disable(`~${other.uid}`)).toEqual({ uid: other.uid });
  expect(await accounts.set(called, { power: 1 })).toEqual({ uid });
  const password = await accounts.set(called, { password: "a new password" }).catch((error: Error) => error.message);
  expect(password).toBe("A person with an external id signs in by the product, without a password");
  expect(await accounts.logins(called)).toEqual([]);
  expect(await accounts.disable(called)).toEqual({ uid });
  expect((await accounts.list()).find((one) => one.uid === uid)).toMatchObject({ power: 1, disabled: true });
  expect(await accounts.remove(called)).toEqual({ uid });
  for (const nobody of [called, "~1", "~99999", "~0", "customer 42"]) {
    expect(await accounts.enable(nobody).catch((error) => error.code)).toBe("unknown_user");
  }
});

test("refusals say why", async () => {
  // `rejects` would hold up the loop, and with it the hashes that are made off this thread.
  const refusal = (action: Promise<unknown>) => action.then(() => "none").catch((error: Error) => error);
  await accounts.add({ name: "Ada", password: "long enough", power: 0 });
  const add = (name: string, password: string) => refusal(accounts.add({ name, password, power: 0 }));
  expect(await add("ada", "long enough")).toMatchObject({ code: "name_taken" });
  expect(await add("Bob", "short")).toMatchObject({ message: expect.stringContaining("8 to 256 characters") });
  expect(await add("Bob", "password")).toMatchObject({ code: "password_too_common" });
  expect(await add(" ", "long enough")).toMatchObject({ message: expect.stringContaining("1 to 32 characters") });
  expect(await refusal(accounts.set("Ada", { password: "sunshine" }))).toMatchObject({ code: "password_too_common" });
  for (const name of ["Nobody", "System"]) {
    expect(await refusal(accounts.set(name, { power: 1 }))).toMatchObject({ code: "unknown_user" });
  }
}, 20_000);
