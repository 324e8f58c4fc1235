/** Bans of people who sign in by other means than a name and a password. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { administrator } from "../../test/administrator.ts";
import { ApiClient } from "../../test/api-client.ts";
import type { Person } from "../../test/harness.ts";
import { Product } from "../../test/product.ts";
import { openDoor } from "../../test/server-door.ts";

let product: Product;
let root: Person;
beforeAll(async () => {
  product = await Product.open();
  root = await administrator(product.stage.server, "root");
}, 20_000);
afterAll(() => product.close());

const ban = (uid: number) => root.api.ok("PUT", `/admin/bans/users/${uid}`, { reason: "spam" });
const unban = (uid: number) => root.api.ok("DELETE", `/admin/bans/users/${uid}`);
const statusOf = async (token: string) => (await new ApiClient(product.url, token).call("GET", "/me")).status;

test("BAN-1: no token of the product's own lets a banned person in, and one from before the ban does not count afterwards", async () => {
  const person = await product.person();
  await ban(person.uid);
  product.clock.advance(2000);
  const later = await product.token({ sub: person.externalId });
  for (const token of [person.token, later]) {
    expect(await new ApiClient(product.url, token).call("GET", "/me")).toMatchObject({
      status: 403,
      body: { code: "banned", reason: "spam", until: null },
    });
  }
  await unban(person.uid);
  expect([await statusOf(person.token), await statusOf(later)]).toEqual([401, 200]);
});

test("BAN-1, BAN-6: the product's backend gets no token for a banned person, and sends nothing in their name", async () => {
  const door = await openDoor(product.stage.server, "backend");
  const person = await product.person();
  await door.ok("PUT", "/rooms/lobby", {});
  await door.ok("POST", "/rooms/lobby/members", { add: [person.uid] });
  await ban(person.uid);
  const banned = { status: 403, body: { code: "banned" } };
  expect(await door.call("POST", `/users/${person.externalId}/tokens`)).toMatchObject(banned);
  const text = { room: "lobby", from: person.uid, clientId: "1", type: 1, body: { content: "hello" } };
  expect(await door.call("POST", "/messages", text)).toMatchObject(banned);
  await unban(person.uid);
  expect((await door.call("POST", "/messages", text)).status).toBe(201);
});

test("BAN-1: a QR code that a person confirmed who is banned before it is collected signs nobody in", async () => {
  const { server } = product.stage;
  const person = await product.stage.person();
  type Code = { code: string; secret: string };
  const { code, secret } = await server.api.ok<Code>("POST", "/qr-logins");
  await person.api.ok("POST", `/qr-logins/${code}/scan`);
  await person.api.ok("POST", `/qr-logins/${code}/confirm`);
  await ban(person.uid);
  const collected = await server.api.call("GET", `/qr-logins/${code}`, undefined, { "X-QR-Secret": secret });
  expect(collected.body).toEqual({ state: "expired" });
  const other = await server.api.ok<Code>("POST", "/qr-logins");
  expect(await person.api.call("POST", `/qr-logins/${other.code}/scan`)).toMatchObject({ status: 403 });
});
