import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../src/lib/clock.ts";
import { ApiClient } from "./api-client.ts";
import { atOnce } from "./at-once.ts";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { openDoor, personAtDoor } from "./server-door.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

/** The same person on another device. */
async function otherDevice(person: Person): Promise<Person> {
  const body = { name: person.name, password: "a long password" };
  const { token } = await server.api.ok<{ token: string }>("POST", "/logins", body);
  return { ...person, token, api: new ApiClient(server.url, token) };
}

async function signedOut(live: LiveClient): Promise<void> {
  await atOnce(server, "the connection has ended", () => live.closed);
  expect(live.closed?.code).toBe(4001);
  expect(live.frames.at(-1)).toEqual({ type: Push.INVALIDATE_TOKEN });
}

describe("a revoked login", () => {
  test("GW-40: signing out ends the connections of that login with INVALIDATE_TOKEN and 4001, and no others", async () => {
    const phone = await server.person("ann");
    const desk = await otherDevice(phone);
    const [first, second, other, stranger] = await Promise.all([
      server.live(phone),
      server.live(phone),
      server.live(desk),
      server.live(await server.person("ann2")),
    ]);
    await phone.api.ok("DELETE", "/logins/current");
    await Promise.all([signedOut(first), signedOut(second)]);
    await Promise.all([other.echo(), stranger.echo()]);
    expect([other.closed, stranger.closed]).toEqual([undefined, undefined]);
  });

  test("GW-40: a device signed out from another", async () => {
    const phone = await server.person("ben");
    const desk = await otherDevice(phone);
    const [onPhone, onDesk] = await Promise.all([server.live(phone), server.live(desk)]);
    const logins = await desk.api.ok<{ items: { id: number; current: boolean }[] }>("GET", "/logins");
    const id = logins.items.find((login) => !login.current)?.id;
    await desk.api.ok("DELETE", `/logins/${id}`);
    await signedOut(onPhone);
    await onDesk.echo();
    expect(onDesk.closed).toBeUndefined();
  });

  test("GW-40: everywhere at once, also connections that have yet to resume", async () => {
    const phone = await server.person("cai");
    const desk = await otherDevice(phone);
    const opened = await Promise.all([
      server.live(phone),
      server.live(desk),
      server.live(desk, { path: "/ws?resume=1" }),
    ]);
    await phone.api.ok("DELETE", "/logins");
    await Promise.all(opened.map(signedOut));
  });

  test("GW-40: its token does not open another one", async () => {
    const phone = await server.person("dee");
    await server.live(phone);
    await phone.api.ok("DELETE", "/logins/current");
    const again = await server.connect({ token: phone.token });
    await again.frame(Push.INVALIDATE_TOKEN);
    await again.echo();
    expect(again.of(Push.LOGIN_SUCCESS)).toEqual([]);
  });
});

test("ID-11: a connection outlives the token that opened it, and ends with its login", async () => {
  const ann = await server.person("eve");
  const live = await server.live(ann);
  let token = ann.token;
  for (let round = 0; round < 2; round++) {
    ({ token } = await new ApiClient(server.url, token).ok<{ token: string }>("POST", "/logins/refresh"));
  }
  const me = await fetch(`${server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${ann.token}` } });
  expect(me.status).toBe(401);
  await live.echo();
  expect(live.closed).toBeUndefined();
  await new ApiClient(server.url, token).ok("DELETE", "/logins/current");
  await signedOut(live);
});

describe("an expired login", () => {
  const DAY = 24 * 3_600_000;
  /** So often the server looks which logins have expired. */
  const SWEEP_MS = 1000;
  let clock: ManualClock;
  let old: TestServer;
  beforeAll(async () => {
    clock = new ManualClock();
    old = await TestServer.start({}, { clock });
  }, 30_000);
  afterAll(() => old.stop());

  test("GW-41: ends its connections with INVALIDATE_TOKEN and 4001; one that was refreshed lives on", async () => {
    const [ann, ben] = await Promise.all([old.person("ann"), old.person("ben")]);
    const [ends, lives] = await Promise.all([old.live(ann), old.live(ben)]);
    clock.advance(29 * DAY);
    await ben.api.ok("POST", "/logins/refresh");
    clock.advance(2 * DAY);
    const isOver = (live: LiveClient) =>
      atOnce(old, "the connection has ended", () => live.closed, { afterMs: SWEEP_MS });
    await isOver(ends);
    expect(ends.closed?.code).toBe(4001);
    expect(ends.frames.at(-1)).toEqual({ type: Push.INVALIDATE_TOKEN });
    await lives.echo();
    expect(lives.closed).toBeUndefined();
    clock.advance(29 * DAY);
    await isOver(lives);
    expect(lives.closed?.code).toBe(4001);
  }, 20_000);

  test("ID-21: READY says when a login ends that a refresh prolongs, and of no other one", async () => {
    const own = await old.person("cat");
    const ofProduct = await personAtDoor(old, await openDoor(old, "shop"), "dora");
    const [one, other] = await Promise.all([old.live(own), old.live(ofProduct)]);
    const ready = (live: LiveClient) => live.frames.find(({ type }) => type === Push.READY)?.data;
    expect(ready(one)).toMatchObject({ loginExpiresAt: clock.now() + 30 * DAY });
    expect(ready(other)).not.toHaveProperty("loginExpiresAt");
  });
});
