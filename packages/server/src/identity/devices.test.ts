import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";

/** How long a login lives. */
const LIFETIME_MS = 2_592_000_000;

describe("devices over HTTP", () => {
  let app: IdentityApp;
  beforeEach(async () => {
    app = await openIdentityApp();
  });
  afterEach(() => app.close());
  const signIn = async () => (await app.ask("/logins", { body: { name: "Ada", password: PASSWORD } })).body.token;

  test("ID-13: are listed in pages, newest first", async () => {
    const { token } = await app.register("Ada");
    await signIn();
    const newest = await signIn();
    await app.register("Bob");
    const page = (await app.ask("/logins?limit=2", { token })).body;
    expect(page.items.map((item: { current: boolean }) => item.current)).toEqual([false, false]);
    expect(page.nextCursor).toBeString();
    const rest = (await app.ask(`/logins?limit=2&cursor=${page.nextCursor}`, { token })).body;
    expect(rest).toMatchObject({ items: [{ current: true }], nextCursor: null });
    expect((await app.ask("/logins", { token: newest })).body.items[0].current).toBe(true);
  });

  test("ID-13: are not listed any more when they have expired", async () => {
    await app.register("Ada");
    app.clock.advance(LIFETIME_MS - 1);
    const token = await signIn();
    const count = async () => (await app.ask("/logins", { token })).body.items.length;
    expect(await count()).toBe(2);
    app.clock.advance(1);
    expect(await count()).toBe(1);
  });

  test("ID-13: are signed out one by one, this one, or all; others' are not found", async () => {
    const { token } = await app.register("Ada");
    const [second, third] = [await signIn(), await signIn()];
    const bob = await app.register("Bob");
    const ids = (await app.ask("/logins", { token })).body.items.map((item: { id: number }) => item.id);
    expect((await app.ask(`/logins/${ids[0]}`, { method: "DELETE", token: bob.token })).status).toBe(404);
    expect((await app.ask(`/logins/${ids[0]}`, { method: "DELETE", token })).status).toBe(204);
    expect((await app.ask("/me", { token: third })).status).toBe(401);
    expect((await app.ask(`/logins/${ids[0]}`, { method: "DELETE", token })).status).toBe(404);
    expect((await app.ask("/logins/current", { method: "DELETE", token: second })).status).toBe(204);
    expect((await app.ask("/me", { token: second })).status).toBe(401);
    expect((await app.ask("/me", { token })).status).toBe(200);
    await signIn();
    expect((await app.ask("/logins", { method: "DELETE", token })).status).toBe(204);
    expect((await app.ask("/me", { token })).status).toBe(401);
    expect((await app.ask("/me", { token: bob.token })).status).toBe(200);
    expect(app.scratch.events.flatMap(({ data }) => JSON.parse(data).loginIds ?? [])).toHaveLength(4);
  });

  test("ID-13: of requests that sign this device out at once, one does, and the others come from nobody", async () => {
    const { token } = await app.register("Ada");
    const signOut = () => app.ask("/logins/current", { method: "DELETE", token });
    const replies = await Promise.all([signOut(), signOut(), signOut()]);
    expect(replies.map(({ status }) => status).sort()).toEqual([204, 401, 401]);
  });

  test("ID-11: get a new token", async () => {
    const { token } = await app.register("Ada");
    const refreshed = await app.ask("/logins/refresh", { method: "POST", token });
    expect(refreshed.status).toBe(200);
    expect(refreshed.body).toMatchObject({ user: { name: "Ada" }, expiresAt: app.clock.now() + 2_592_000_000 });
    expect((await app.ask("/me", { token: refreshed.body.token })).status).toBe(200);
    expect((await app.ask("/logins/refresh", { method: "POST" })).status).toBe(401);
  });

  test("ID-21: put off its end and keep the token", async () => {
    const { token } = await app.register("Ada");
    app.clock.advance(86_400_000);
    const kept = await app.ask("/logins/refresh?keepToken=true", { method: "POST", token });
    expect([kept.status, kept.body.token]).toEqual([200, token]);
    const expiresAt = app.clock.now() + 2_592_000_000;
    expect(kept.body.expiresAt).toBe(expiresAt);
    const { items } = (await app.ask("/logins", { token })).body;
    expect(items).toMatchObject([{ current: true, expiresAt }]);
    // A day after the end that it had before.
    app.clock.advance(30 * 86_400_000 - 1);
    expect((await app.ask("/me", { token })).status).toBe(200);
    const other = await app.ask("/logins/refresh?keepToken=false", { method: "POST", token });
    expect(other.body.token).not.toBe(token);
    expect((await app.ask("/logins/refresh?keepToken=yes", { method: "POST", token })).status).toBe(400);
  });
});
