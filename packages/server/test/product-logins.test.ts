import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { openUserAccounts } from "../src/cli/user-accounts.ts";
import { ApiClient } from "./api-client.ts";
import { atOnce } from "./at-once.ts";
import { say, TestServer } from "./harness.ts";
import { Product } from "./product.ts";
import { type Door, openDoor } from "./server-door.ts";
import { withRaw } from "./test-database.ts";
import { texts } from "./transports/stage.ts";

let product: Product;
let door: Door;
beforeAll(async () => {
  product = await Product.open();
  door = await openDoor(product.stage.server, "shop");
}, 30_000);
afterAll(() => product.close());

const MINUTE = 60_000;
const apiOf = async (claims: Record<string, unknown>) => new ApiClient(product.url, await product.token(claims));
const me = async (claims: Record<string, unknown>) =>
  (await apiOf(claims)).ok<{ uid: number; name: string; avatar: string }>("GET", "/me");
const statusOf = async (token: string) => (await new ApiClient(product.url, token).call("GET", "/me")).status;

describe("the first token of a person", () => {
  test("TOK-20: makes their account, with the name and picture that it says", async () => {
    const sub = product.newId();
    const first = await me({ sub, name: "Ada Lovelace", picture: "https://shop.example/a.png" });
    expect(first).toMatchObject({ name: "Ada Lovelace", avatar: "https://shop.example/a.png" });
    expect(await me({ sub, name: "Ada Lovelace" })).toMatchObject({ uid: first.uid, avatar: first.avatar });
    const person = await door.ok<{ uid: number; externalId: string }>("GET", `/users/${sub}`);
    expect(person).toMatchObject({ uid: first.uid, externalId: sub });
  });

  test("TOK-20: without a name shows the external id", async () => {
    const sub = product.newId();
    expect(await me({ sub, name: undefined })).toMatchObject({ name: sub });
    expect(await me({ sub: 4711, name: "" })).toMatchObject({ name: "4711" });
  });

  test("TOK-20: is theirs who was brought in by the product's backend before", async () => {
    const sub = product.newId();
    const made = await door.ok<{ uid: number }>("PUT", `/users/${sub}`, { name: "By the backend" });
    product.clock.advance(MINUTE);
    expect(await me({ sub, name: undefined })).toMatchObject({ uid: made.uid, name: "By the backend" });
  });

  test("TOK-20: a hundred connections with it at once make one account", async () => {
    const sub = product.newId();
    const tokens = await Promise.all(Array.from({ length: 100 }, (_, jti) => product.token({ sub, jti })));
    const connected = tokens.slice(0, 20).map((token) => product.stage.server.connect({ token }));
    const asked = tokens.slice(20).map((token) => new ApiClient(product.url, token).ok<{ uid: number }>("GET", "/me"));
    const uids = [
      ...(await Promise.all(connected.map(async (one) => (await (await one).frame(Push.LOGIN_SUCCESS)).data.uid))),
      ...(await Promise.all(asked)).map(({ uid }) => uid),
    ];
    expect(uids).toHaveLength(100);
    expect(new Set(uids).size).toBe(1);
    const { db } = product.stage.server.storage;
    expect(await db.selectFrom("users").select("uid").where("external_id", "=", sub).execute()).toHaveLength(1);
  });

  test("TOK-20: counts where nobody may make an account", async () => {
    const closed = await TestServer.start({ ...product.settings, REGISTRATION: "closed" }, { clock: product.clock });
    const api = new ApiClient(closed.url, await product.token({ sub: "first" }));
    expect(await api.ok("GET", "/me")).toMatchObject({ name: "Ada" });
    await closed.stop();
  });
});

describe("names and pictures", () => {
  test("TOK-22: follow newer tokens, which others are told of", async () => {
    const person = await product.person({ name: "Before" });
    const room = await product.stage.room([person]);
    const watcher = await product.stage.server.live(product.stage.ann);
    expect(room).toBeGreaterThan(0);
    product.clock.advance(MINUTE);
    const sub = person.externalId;
    expect(await me({ sub, name: "After", picture: "/b.png" })).toMatchObject({ name: "After", avatar: "/b.png" });
    const told = await watcher.frame(Push.USER, ({ data }) => data.uid === person.uid);
    expect(told.data).toMatchObject({ name: "After", avatar: "/b.png" });
    // Whatever a token leaves out stays as it was.
    product.clock.advance(MINUTE);
    expect(await me({ sub, name: undefined })).toMatchObject({ name: "After", avatar: "/b.png" });
    expect(await me({ sub, name: undefined, picture: "" })).toMatchObject({ name: "After", avatar: "" });
  });

  test("TOK-22: are changed at most once a minute", async () => {
    const sub = product.newId();
    await me({ sub, name: "First" });
    product.clock.advance(MINUTE - 1);
    expect(await me({ sub, name: "Too soon" })).toMatchObject({ name: "First" });
    product.clock.advance(1);
    expect(await me({ sub, name: "In time", jti: 1 })).toMatchObject({ name: "In time" });
  });

  test("TOK-22: are not taken from a token that is older than the last change", async () => {
    const sub = product.newId();
    const oldClaims = { sub, name: "Old", iat: product.clock.now() / 1000, exp: product.clock.now() / 1000 + 7200 };
    await me(oldClaims);
    product.clock.advance(10 * MINUTE);
    await door.ok("PUT", `/users/${sub}`, { name: "By the backend" });
    product.clock.advance(10 * MINUTE);
    expect(await me(oldClaims)).toMatchObject({ name: "By the backend" });
    expect(await me({ sub, name: "New", iat: undefined })).toMatchObject({ name: "By the backend" });
    expect(await me({ sub, name: "New" })).toMatchObject({ name: "New" });
    product.clock.advance(10 * MINUTE);
    expect(await me(oldClaims)).toMatchObject({ name: "New" });
  });
});

describe("a login without a row", () => {
  test("TOK-23: is in no list, and leaves the others alone", async () => {
    const person = await product.person();
    expect((await person.api.ok<{ items: unknown[] }>("GET", "/logins")).items).toEqual([]);
    const { token } = await door.ok<{ token: string }>("POST", `/users/${person.externalId}/tokens`);
    const { items } = await person.api.ok<{ items: { current: boolean }[] }>("GET", "/logins");
    expect(items).toMatchObject([{ via: "server", current: false }]);
    expect(await statusOf(token)).toBe(200);
  });

  test("TOK-23: gets no token of Parley's, and is not ended alone: the product does both", async () => {
    const person = await product.person();
    for (const [method, path] of [
      ["POST", "/logins/refresh"],
      ["DELETE", "/logins/current"],
    ] as const) {
      expect(await person.api.call(method, path)).toMatchObject({ status: 403, body: { code: "forbidden" } });
    }
    expect(await statusOf(person.token)).toBe(200);
  });

  test("TOK-21: ends with all others by DELETE /logins, on every device, within a second", async () => {
    const person = await product.person();
    const { token } = await door.ok<{ token: string }>("POST", `/users/${person.externalId}/tokens`);
    const lives = await Promise.all([person.token, token].map((one) => product.stage.server.connect({ token: one })));
    await Promise.all(lives.map((one) => one.frame(Push.READY)));
    await person.api.ok("DELETE", "/logins");
    await atOnce(product.stage.server, "the connections have ended", () => lives.every(({ closed }) => closed));
    for (const { closed } of lives) expect(closed).toMatchObject({ code: 4001 });
    expect([await statusOf(person.token), await statusOf(token)]).toEqual([401, 401]);
  });

  test("TOK-21: ends when the product signs its person out everywhere", async () => {
    const person = await product.person();
    const live = await product.stage.server.connect({ token: person.token });
    await live.frame(Push.READY);
    await door.ok("DELETE", `/users/${person.externalId}/logins`);
    expect((await live.ended()).code).toBe(4001);
    expect(live.of(Push.INVALIDATE_TOKEN)).toHaveLength(1);
    expect(await statusOf(person.token)).toBe(401);
  });

  test("TOK-21: ends with the account, also for whoever has the external id next", async () => {
    const person = await product.person({ name: "Gone" });
    await door.ok("DELETE", `/users/${person.externalId}`);
    expect(await statusOf(person.token)).toBe(401);
    const again = await door.ok<{ uid: number }>("PUT", `/users/${person.externalId}`, {});
    expect(again.uid).not.toBe(person.uid);
    expect(await statusOf(person.token)).toBe(401);
    expect(await statusOf(await product.token({ sub: person.externalId, iat: undefined }))).toBe(401);
    product.clock.advance(1000);
    expect(await me({ sub: person.externalId })).toMatchObject({ uid: again.uid });
    // This is done twice, and nobody takes its place.
    await door.ok("DELETE", `/users/${person.externalId}`);
    expect(await statusOf(await product.token({ sub: person.externalId }))).toBe(401);
    product.clock.advance(1000);
    expect((await me({ sub: person.externalId })).uid).not.toBe(again.uid);
  });

  test("TOK-21: one that deletes its account is gone with it", async () => {
    const person = await product.person();
    const live = await product.stage.server.connect({ token: person.token });
    await live.frame(Push.READY);
    await person.api.ok("DELETE", "/me");
    expect((await live.ended()).code).toBe(4001);
    expect(await statusOf(person.token)).toBe(401);
  });

  test("ID-43: does nothing while its account is disabled, and an earlier token does not count again", async () => {
    const { server } = product.stage;
    const ned = await server.person("ned");
    // This account was made here and then given to the product.
    const given = "update users set external_id = 'customer-ned' where uid = ?";
    await withRaw(server.place, ({ rows }) => rows(given, ned.uid));
    const token = await product.token({ sub: "customer-ned", name: undefined });
    const live = await server.connect({ token });
    expect((await live.frame(Push.LOGIN_SUCCESS)).data).toMatchObject({ uid: ned.uid });
    const operator = await openUserAccounts(server, product.clock);
    await operator.disable("ned");
    expect((await live.ended()).code).toBe(4003);
    const withToken = new ApiClient(product.url, token);
    expect(await withToken.call("GET", "/me")).toMatchObject({ status: 403, body: { code: "account_disabled" } });
    await operator.enable("ned");
    await operator.close();
    expect(await statusOf(token)).toBe(401);
    product.clock.advance(1000);
    expect(await me({ sub: "customer-ned", name: undefined })).toMatchObject({ uid: ned.uid });
  });

  test("GW-45: tokens that are not right count for their address, as Parley's do", async () => {
    const limited = await TestServer.start({ ...product.settings, RATE_LIMITS: "on" }, { clock: product.clock });
    const forged = await product.token({ aud: "other" });
    const refused = async () => (await new ApiClient(limited.url, forged).call("GET", "/me")).status;
    const statuses: number[] = [];
    // On a slow machine, some of them take longer than it takes to allow ten new ones.
    while (!statuses.includes(429) && statuses.length < 2000) {
      statuses.push(...(await Promise.all(Array.from({ length: 50 }, refused))));
    }
    expect(new Set(statuses)).toEqual(new Set([401, 429]));
    expect(statuses.filter((status) => status === 401).length).toBeGreaterThanOrEqual(50);
    // A correct token still passes.
    expect((await new ApiClient(limited.url, await product.token()).call("GET", "/me")).status).toBe(200);
    await limited.stop();
  }, 60_000);

  test("TOK-24: that it was used is written now and then, for its person", async () => {
    const other = await TestServer.start(product.settings, { clock: product.clock });
    const api = new ApiClient(other.url, await product.token({ sub: "seen" }));
    const { uid } = await api.ok<{ uid: number }>("GET", "/me");
    product.clock.advance(6 * MINUTE);
    await api.ok("GET", "/me");
    const seenAt = product.clock.now();
    await other.restart();
    const { db } = other.storage;
    const row = await db.selectFrom("users").select("last_seen_at").where("uid", "=", uid).executeTakeFirstOrThrow();
    expect(row.last_seen_at).toBe(seenAt);
    await other.stop();
  });

  test("GW-9: is in the log by its person and device, and its token is not", async () => {
    const loud = await TestServer.start({ ...product.settings, LOG_LEVEL: "trace" }, { clock: product.clock });
    const token = await product.token({ sub: "loud", sid: "secret-session" });
    const { uid } = await new ApiClient(loud.url, token).ok<{ uid: number }>("GET", "/me");
    for (const by of ["query", "protocol"] as const) {
      const live = await loud.connect({ token, by });
      await live.frame(Push.READY);
    }
    await fetch(`${loud.url}/api/v1/events?token=${token}`);
    await new ApiClient(loud.url, `${token}x`).call("GET", "/me");
    expect(loud.log.join("\n")).toContain(`"loginId":"${uid}/`);
    const [, payload, signature] = token.split(".") as [string, string, string];
    for (const part of [payload.slice(5, 40), signature.slice(0, 20), "secret-session"]) {
      expect(loud.log.filter((line) => line.includes(part))).toEqual([]);
    }
    await loud.stop();
  });

  test("TOK-24: sees who it is on every route, and is seen", async () => {
    const person = await product.person();
    const room = await person.api.ok<{ id: number }>("POST", "/rooms", { memberIds: [product.stage.ann.uid] });
    const watcher = await product.stage.server.live(product.stage.ann);
    await say(person, room.id, "from the product");
    await watcher.until(() => texts(watcher, room.id).includes("from the product"), "the message");
  });

  test("TOK-25: scans and confirms a QR code, unless its person was signed out since", async () => {
    const person = await product.person({ sid: "phone" });
    const make = () => product.stage.server.api.ok<{ code: string; secret: string }>("POST", "/qr-logins");
    const collect = ({ code, secret }: { code: string; secret: string }) =>
      product.stage.server.api.call<{ state: string; token?: string }>("GET", `/qr-logins/${code}`, undefined, {
        "X-QR-Secret": secret,
      });
    const first = await make();
    await person.api.ok("POST", `/qr-logins/${first.code}/scan`);
    // Another token of the same session may go on, but another device of the person may not.
    const other = await apiOf({ sub: person.externalId, sid: "tablet" });
    expect(await other.call("POST", `/qr-logins/${first.code}/confirm`)).toMatchObject({ body: { code: "qr_taken" } });
    const next = await apiOf({ sub: person.externalId, sid: "phone", jti: "next" });
    await next.ok("POST", `/qr-logins/${first.code}/confirm`);
    const { token } = (await collect(first)).body;
    expect(await new ApiClient(product.url, token).ok("GET", "/me")).toMatchObject({ uid: person.uid });
    const second = await make();
    await next.ok("POST", `/qr-logins/${second.code}/scan`);
    await next.ok("POST", `/qr-logins/${second.code}/confirm`);
    await next.ok("DELETE", "/logins");
    expect((await collect(second)).body.token).toBeUndefined();
  });

  test("TOK-21: stays ended when the server comes back", async () => {
    const person = await product.person();
    await person.api.ok("DELETE", "/logins");
    await product.stage.server.restart();
    expect(await statusOf(person.token)).toBe(401);
    product.clock.advance(1000);
    expect(await me({ sub: person.externalId })).toMatchObject({ uid: person.uid });
  });
});
