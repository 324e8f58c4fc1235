import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp, PASSWORD } from "../../test/identity-app.ts";
import { single } from "../db/procedures.ts";
import { ofServer } from "../db/share.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import { Internal } from "./internal-events.ts";

/** Five hundred and two messages of one person. */
async function fill(tx: WriteTransaction, uid: number) {
  for (let id = 1; id <= 502; id++) {
    await tx.db
      .insertInto("messages")
      .values({
        ...{ id: uid * 1000 + id, room_id: 1, seq: uid * 1000 + id, no: id, uid, type: 1 },
        ...{ body: JSON.stringify({ content: `text ${id}` }), client_id: `c${id}`, request_hash: null, sent_at: id },
        ...{ recalled_by: id === 7 ? uid : null, recalled_at: id === 7 ? 1 : null },
      })
      .execute();
  }
}

let app: IdentityApp;
beforeAll(async () => {
  app = await openIdentityApp({}, { fill: single(fill, ofServer()) });
});
afterAll(() => app.close());

const patch = (token: string, body: unknown) => app.ask("/me", { method: "PATCH", token, body });
const internal = (type: number) =>
  app.scratch.events.filter((event) => event.type === type).map((event) => JSON.parse(event.data));

describe("one's profile", () => {
  test("ID-14, CUR-10: is changed, seen by others at once, and told to all nodes", async () => {
    const ada = await app.register("Ada");
    const bob = await app.register("Bob");
    const before = (await app.ask("/me", { token: ada.token })).body.asOf;
    const changed = await patch(ada.token, { name: " Countess ", avatar: "https://pics.example/a.png" });
    expect(changed.status).toBe(200);
    const user = { uid: ada.uid, name: "Countess", avatar: "https://pics.example/a.png", power: 0 };
    expect(changed.body).toMatchObject(user);
    expect((await app.ask(`/users/${ada.uid}`, { token: bob.token })).body).toEqual(changed.body);
    expect(internal(Internal.USER_CHANGED)).toEqual([{ uid: ada.uid }]);
    const me = (await app.ask("/me", { token: ada.token })).body;
    expect(me).toMatchObject(user);
    expect(me.asOf).not.toBe(before);
    expect(me.asOf).toEndWith(`*@${app.scratch.events.at(-1)?.pos}`);
    expect((await app.ask("/logins", { body: { name: "ada", password: PASSWORD } })).status).toBe(401);
    expect((await app.ask("/logins", { body: { name: "countess", password: PASSWORD } })).status).toBe(201);
  });

  test("ID-4: keeps names unique, except the person's own in another case", async () => {
    const carol = await app.register("Carol");
    await app.register("Dave");
    expect(await patch(carol.token, { name: "ＤＡＶＥ" })).toMatchObject({ status: 409, body: { code: "name_taken" } });
    expect((await patch(carol.token, { name: "CAROL" })).body.name).toBe("CAROL");
    expect((await app.register("Ada")).uid).toBeGreaterThan(carol.uid);
  });

  test("ID-4: is given to one of several who want it at once", async () => {
    const people = await Promise.all(["r1", "r2", "r3"].map((name) => app.register(name)));
    const answers = await Promise.all(people.map(({ token }) => patch(token, { name: "Wanted" })));
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409, 409]);
  });

  test.each([
    [{ name: "" }],
    [{ name: "x".repeat(33) }],
    [{ avatar: "javascript:alert(1)" }],
    [{ avatar: "//elsewhere.example/a.png" }],
    [{ avatar: "data:image/png;base64,AAAA" }],
    [{ avatar: 'https://a.example/"onerror=' }],
    [{ avatar: "https://" }],
    [{ avatar: "https://exa mple.com/" }],
    [{ avatar: "http://[1/a.png" }],
    [{ avatar: "https://a.example/\u202egnp.exe" }],
    [{ avatar: "https://a.example/a\u0007" }],
    [{ avatar: `https://a.example/${"x".repeat(1024)}` }],
  ])("ID-14: refuses %j", async (body) => {
    const { token } = await app.register(
      `refused ${JSON.stringify(body).length}${Object.values(body)[0]?.slice(0, 9)}`,
    );
    expect((await patch(token, body)).status).toBe(400);
    expect((await patch(token, { avatar: "/uploads/a.png" })).status).toBe(200);
    expect((await patch(token, { avatar: "" })).body.avatar).toBe("");
  });
});

describe("a deleted account", () => {
  test("ID-15: is signed out everywhere, anonymous, and its name is free", async () => {
    const eve = await app.register("Eve");
    const other = (await app.ask("/logins", { body: { name: "Eve", password: PASSWORD } })).body.token;
    const bob = await app.register("Bobby");
    expect((await app.ask("/me", { method: "DELETE", token: eve.token, body: { password: PASSWORD } })).status).toBe(
      204,
    );
    for (const token of [eve.token, other]) expect((await app.ask("/me", { token })).status).toBe(401);
    expect((await app.ask("/logins", { body: { name: "Eve", password: PASSWORD } })).status).toBe(401);
    expect((await app.ask(`/users/${eve.uid}`, { token: bob.token })).body).toMatchObject({
      ...{ uid: eve.uid, name: "Deleted user", avatar: "", power: 0 },
    });
    const row = app.scratch.db.selectFrom("users").selectAll().where("uid", "=", eve.uid);
    expect(await row.executeTakeFirst()).toMatchObject({
      ...{ password_hash: null, created_ip: "", deleted_at: app.clock.now() },
    });
    expect(internal(Internal.LOGINS_REVOKED).at(-1).loginIds).toHaveLength(2);
    expect(internal(Internal.USER_CHANGED).at(-1)).toEqual({ uid: eve.uid });
    expect((await app.register("EVE")).uid).not.toBe(eve.uid);
  });
});

describe("everything about me", () => {
  test("ID-16: comes with all messages, in pages, and nobody else's", async () => {
    const [frank, gina] = [await app.register("Frank"), await app.register("Gina")];
    await app.scratch.writes.run(fill, frank.uid);
    await app.scratch.writes.run(fill, gina.uid);
    const first = await app.ask("/me/export", { token: frank.token });
    expect(first.status).toBe(200);
    expect(first.body).toMatchObject({
      account: { uid: frank.uid, name: "Frank", createdIp: "203.0.113.9" },
      addresses: [{ address: "203.0.113.9", lastSignInAt: app.clock.now() }],
      logins: [{ ip: "203.0.113.9", via: "password" }],
      rooms: [],
    });
    expect(first.body.messages.items).toHaveLength(500);
    const rest = await app.ask(`/me/export?cursor=${first.body.messages.nextCursor}`, { token: frank.token });
    expect(rest.body.messages.nextCursor).toBeNull();
    const empty = await app.ask("/me/export?cursor=", { token: frank.token });
    expect(empty.body.messages.items).toEqual(first.body.messages.items);
    const all = [...first.body.messages.items, ...rest.body.messages.items];
    expect(new Set(all.map(({ id }) => id)).size).toBe(502);
    expect(all.every(({ id }) => Math.floor(id / 1000) === frank.uid)).toBe(true);
    expect(all.find(({ id }) => id === frank.uid * 1000 + 7)?.body).toBeNull();
    expect(all.find(({ id }) => id === frank.uid * 1000 + 8)?.body).toEqual({ content: "text 8" });
    expect(JSON.stringify(first.body)).not.toMatch(/argon2|token|hash/i);
  });
});
