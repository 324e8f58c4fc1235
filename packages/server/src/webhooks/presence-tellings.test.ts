import { afterEach, beforeEach, expect, test } from "bun:test";
import { administrator } from "../../test/administrator.ts";
import { TestServer } from "../../test/harness.ts";
import { openDoor } from "../../test/server-door.ts";
import { Receiver, until } from "../../test/webhook-receiver.ts";
import { ManualClock } from "../lib/clock.ts";
import { CAPS } from "../limits/caps.ts";
import { Metrics } from "../ops/metrics.ts";
import type { Endpoint } from "./endpoint.ts";
import { Gate } from "./gate.ts";
import { PresenceTellings } from "./presence-tellings.ts";

const MINUTE = 60_000;
const SECRET = `whsec_${btoa("a secret of at least 24 bytes")}`;

let clock: ManualClock;
let receiver: Receiver;
let metrics: Metrics;
let gate: Gate;
let tellings: PresenceTellings;
beforeEach(() => {
  clock = new ManualClock();
  receiver = new Receiver();
  metrics = new Metrics();
  gate = new Gate({ clock, atOnce: 8, onBreaker: () => {} });
  const target = { id: 7, url: receiver.url, secret: SECRET, events: null };
  tellings = new PresenceTellings({ target, gate } as unknown as Endpoint, { clock, metrics });
});
afterEach(async () => {
  gate.stop();
  await tellings.stop();
  await receiver.stop();
});

const online = (count: number, from = 20_000) =>
  Array.from({ length: count }, (_, n) => ({ uid: from + n, activeStatus: 1 as const, lastOptTime: 1 }));
const told = () => receiver.taken.map(({ data }) => (data.changeList as { uid: number }[]).map(({ uid }) => uid));

/** That many tries have failed, and this side has noticed. */
const failures = (count: number) =>
  until("failures", async () => (await metrics.text()).includes(`{result="failed"} ${count}`));

test("HOOK-14: a list has at most 500 people, and lists come in order, one at a time", async () => {
  tellings.tell("a", online(1201), 1201);
  tellings.tell("b", [{ uid: 20_000, activeStatus: 2, lastOptTime: 2 }], 1200);
  await receiver.until("all", ({ taken }) => taken.length === 4);
  expect(told().map((uids) => uids.length)).toEqual([500, 500, 201, 1]);
  expect(told().flat().slice(0, 1201)).toEqual(online(1201).map(({ uid }) => uid));
  expect(receiver.taken.map(({ id, event }) => [id, event])).toEqual([
    ["a-online-0-7", "online"],
    ["a-online-500-7", "online"],
    ["a-online-1000-7", "online"],
    ["b-offline-0-7", "offline"],
  ]);
  expect(receiver.most).toBe(1);
});

test("HOOK-14: what cannot be told is tried again for five minutes, and then it is dropped", async () => {
  receiver.answer = () => new Response("", { status: 500 });
  tellings.tell("a", online(1), 1);
  for (let tries = 1; tries <= 3; tries++) {
    await failures(tries);
    clock.advance(2 ** (tries - 1) * 1000);
  }
  clock.advance(4 * MINUTE);
  tellings.tell("b", online(1, 30_000), 1);
  await failures(4);
  receiver.answer = () => new Response("");
  clock.advance(MINUTE);
  await receiver.until("the second list", ({ taken }) => taken.length === 1);
  expect(told()).toEqual([[30_000]]);
  expect(await metrics.text()).toContain('parley_webhook_deliveries_total{result="dropped"} 1');
}, 30_000);

test("HOOK-14: of lists that wait the oldest go where there are too many", async () => {
  const gone = Promise.withResolvers<Response>();
  receiver.answer = () => gone.promise;
  const most = CAPS.presenceTellings.count;
  for (let n = 0; n < most + 10; n++) tellings.tell(`a${n}`, online(1, 20_000 + n), 1);
  await receiver.until("the first", ({ open }) => open === 1);
  receiver.answer = () => new Response("");
  gone.resolve(new Response(""));
  await receiver.until("the last", () => told().at(-1)?.[0] === 20_000 + most + 9);
  // The one that was in progress, and the newest.
  expect(told().length).toBeLessThanOrEqual(most + 1);
  expect(told().length).toBeGreaterThanOrEqual(most);
  expect(await metrics.text()).toContain('parley_webhook_deliveries_total{result="dropped"} 10');
});

test("HOOK-15: nobody is named for a message that was recalled while its MESSAGE was on its way", async () => {
  const server = await TestServer.start();
  const root = await administrator(server, "root");
  const ann = await server.person("ann");
  const roomId = await server.room(ann, [await server.person("ben")]);
  await root.api.ok("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE", "message.offline"] });
  const say = (text: string) => {
    const request = { clientId: text, type: 1, body: { content: text } };
    return ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${roomId}/messages`, request);
  };
  const taken = Promise.withResolvers<Response>();
  receiver.answer = () => taken.promise;
  const { message } = await say("secret");
  await receiver.until("the first", ({ open }) => open === 1);
  await ann.api.ok("DELETE", `/messages/${message.id}`);
  receiver.answer = () => new Response("");
  taken.resolve(new Response(""));
  await say("hello");
  await receiver.until("the last", ({ taken: all }) => all.at(-1)?.event === "message.offline");
  expect(receiver.taken.map(({ event }) => event)).toEqual(["MESSAGE", "MESSAGE", "message.offline"]);
  await server.stop();
}, 30_000);

test("HOOK-15: in a room of more than 500 nobody is looked for", async () => {
  const server = await TestServer.start();
  const root = await administrator(server, "root");
  const door = await openDoor(server, "shop");
  const ids = Array.from({ length: 501 }, (_, n) => `p${n}`);
  for (let from = 0; from < ids.length; from += 100) {
    await door.ok("POST", "/users", { items: ids.slice(from, from + 100).map((externalId) => ({ externalId })) });
  }
  await door.ok("PUT", "/rooms/large", {});
  await door.ok("POST", "/rooms/large/members", { add: ids });
  await root.api.ok("POST", "/admin/webhooks", { url: receiver.url, events: ["MESSAGE", "message.offline"] });
  const say = (clientId: string) =>
    door.ok("POST", "/messages", { room: "large", clientId, type: 1, body: { content: clientId } });
  await say("one");
  await receiver.until("the first", ({ taken }) => taken.length === 1);
  await door.ok("POST", "/rooms/large/members", { remove: ["p0"] });
  await say("two");
  await receiver.until("three", ({ taken }) => taken.length === 3);
  expect(receiver.taken.map(({ event }) => event)).toEqual(["MESSAGE", "MESSAGE", "message.offline"]);
  expect(receiver.taken[2]?.data.users).toEqual(ids.slice(1));
  await server.stop();
}, 20_000);
