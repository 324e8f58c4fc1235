import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { type Received, Receiver } from "../../test/webhook-receiver.ts";
import { CAPS } from "../limits/caps.ts";

const SECRET = `whsec_${Buffer.from("a secret of at least 24 bytes").toString("base64")}`;

let server: TestServer;
let product: Receiver;
let door: Door;
let ann: Person;
let ben: Person;
let roomId: number;

async function start(more: Record<string, string> = {}): Promise<void> {
  product = new Receiver();
  product.answer = () => Response.json({ allow: true });
  server = await TestServer.start({ SEND_HOOK_URL: product.url, SEND_HOOK_SECRET: SECRET, ...more });
  door = await openDoor(server, "shop");
  [ann, ben] = [await personAtDoor(server, door, "ann"), await personAtDoor(server, door, "ben")];
  roomId = await server.room(ann, [ben]);
}
beforeEach(() => start());
afterEach(async () => {
  await server.stop();
  await product.stop();
});

let clientIds = 0;
interface Sent {
  code?: string;
  detail?: string;
  message?: { id: number; body: { content: string } };
}
const send = (content: string, { by = ann, clientId = `c${clientIds++}`, room = roomId } = {}) =>
  by.api.call<Sent>("POST", `/rooms/${room}/messages`, { clientId, type: 1, body: { content } });
const refuse =
  (more: object = {}) =>
  () =>
    Response.json({ allow: false, ...more });
const texts = async () => {
  const { items } = await ann.api.ok<{ items: { message: { body: { content?: string } } }[] }>(
    "GET",
    `/rooms/${roomId}/messages`,
  );
  return items.map(({ message }) => message.body.content);
};
const slowly = (ms: number) => async () => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return Response.json({ allow: true });
};

test("HOOK-30: the product is asked about each message once, by a signed request, before it is sent", async () => {
  const sent = await send("hello", { clientId: "one" });
  expect(sent.status).toBe(201);
  const [question] = product.received;
  const { text, headers } = question as Received;
  expect(new Webhook(SECRET).verify(text, headers)).toEqual({
    event: "send",
    data: {
      fromUser: { uid: ann.uid, externalId: "ann" },
      room: { id: roomId, externalId: null },
      ...{ clientId: "one", type: 1, body: { content: "hello" }, replyTo: null, mentions: [] },
    },
  });
  // The same again is a repeat, and another text with its clientId is not: nobody is asked.
  expect(await send("hello", { clientId: "one" })).toMatchObject({ status: 200, body: sent.body });
  expect(await send("other", { clientId: "one" })).toMatchObject({ status: 409 });
  await send("hello", { clientId: "one", by: ben });
  expect(product.received.map(({ data }) => [data.fromUser, data.clientId])).toEqual([
    [{ uid: ann.uid, externalId: "ann" }, "one"],
    [{ uid: ben.uid, externalId: "ben" }, "one"],
  ]);
});

test("HOOK-30: a server key sends without asking, and people and rooms of the product's have its ids", async () => {
  await door.ok("PUT", "/users/42", {});
  await door.ok("PUT", "/rooms/order-7", {});
  await door.ok("POST", "/rooms/order-7/members", { add: ["42"] });
  const message = { room: "order-7", from: "42", clientId: "k", type: 1, body: { content: "hello" } };
  product.answer = refuse();
  const { message: sent } = await door.ok<{ message: { roomId: number } }>("POST", "/messages", message);
  expect(product.received).toEqual([]);
  const { token } = await door.ok<{ token: string }>("POST", "/users/42/tokens");
  const api = ann.api.constructor as new (url: string, token: string) => Person["api"];
  await send("hello", { by: { ...ann, api: new api(server.url, token) }, room: sent.roomId });
  expect(product.received[0]?.data).toMatchObject({
    fromUser: { externalId: "42" },
    room: { id: sent.roomId, externalId: "order-7" },
  });
});

describe("HOOK-31: a refusal", () => {
  test.each([
    [{}, "send_refused", "The product refused this message"],
    [{ code: "bad_word", message: "Mind your words" }, "bad_word", "Mind your words"],
    [{ code: null, message: null }, "send_refused", "The product refused this message"],
    // None of these may be taken for what it is not.
    [{ code: "unauthorized" }, "send_refused", "The product refused this message"],
    [{ code: "unknown" }, "send_refused", "The product refused this message"],
    [{ code: "Bad Word" }, "send_refused", "The product refused this message"],
    [{ code: "x".repeat(65), message: "y".repeat(9000) }, "send_refused", "y".repeat(500)],
  ])("with %j is 422, and nothing is sent", async (more, code, detail) => {
    product.answer = refuse(more);
    expect(await send("a word")).toMatchObject({ status: 422, body: { code, detail } });
    expect(await texts()).toEqual([]);
  });

  test("is remembered for the same message, and another text with its clientId is asked about", async () => {
    product.answer = refuse({ code: "bad_word" });
    for (let n = 0; n < 3; n++) expect(await send("a word", { clientId: "one" })).toMatchObject({ status: 422 });
    expect(product.received).toHaveLength(1);
    product.answer = () => Response.json({ allow: true });
    expect(await send("another", { clientId: "one" })).toMatchObject({ status: 201 });
    expect(product.received).toHaveLength(2);
  });
});

test("HOOK-31: a body that the product gives takes the place of the message's own, and a repeat is told by what the client sent", async () => {
  product.answer = () => Response.json({ allow: true, body: { content: "h****" } });
  const sent = await send("hello", { clientId: "one" });
  expect(sent).toMatchObject({ status: 201, body: { message: { body: { content: "h****" } } } });
  expect(await send("hello", { clientId: "one" })).toMatchObject({ status: 200, body: sent.body });
  expect((await send("h****", { clientId: "one" })).status).toBe(409);
  expect(product.received).toHaveLength(1);
  expect(await texts()).toEqual(["h****"]);
});

const none: [string, () => Response | Promise<Response>][] = [
  ["that takes too long", slowly(900)],
  ["of 500", () => new Response("", { status: 500 })],
  ["that redirects", () => Response.redirect("http://127.0.0.1:1/", 307)],
  ["of something else", () => Response.json({ allowed: true })],
  ["that is not JSON", () => new Response("yes")],
  ["that never ends", () => new Response(new ReadableStream({ pull: (c) => c.enqueue(new Uint8Array(8192)) }))],
  ["with too much", () => Response.json({ allow: true, message: "x".repeat(70_000) })],
  [
    "that is nested very deep",
    () => new Response(`{"allow":true,"body":{"content":"deep","more":${"[".repeat(30_000)}${"]".repeat(30_000)}}}`),
  ],
  ["with a body that is not valid", () => Response.json({ allow: true, body: { content: "" } })],
];

describe("HOOK-32: without an answer", () => {
  test.each(none)("one %s counts as no answer: the message is sent, soon", async (_, answer) => {
    product.answer = answer;
    const began = performance.now();
    expect(await send("hello")).toMatchObject({ status: 201, body: { message: { body: { content: "hello" } } } });
    expect(performance.now() - began).toBeLessThan(2000);
    product.answer = refuse();
    expect((await send("hello again")).status).toBe(422);
    expect(server.log.join("")).toContain("does not answer as it should");
    expect(server.log.join("")).not.toContain(SECRET.slice(6));
  });

  test("the message is refused by SEND_HOOK_FAIL=closed, and can be sent when there is one", async () => {
    await server.stop();
    await product.stop();
    await start({ SEND_HOOK_FAIL: "closed" });
    for (const [, answer] of none) {
      product.answer = answer;
      const refused = await send("hello", { clientId: "one" });
      expect(refused).toMatchObject({ status: 503, body: { code: "hook_unavailable" } });
      expect(refused.headers.get("Retry-After")).toBe("2");
    }
    await product.stop();
    expect((await send("hello", { clientId: "one" })).status).toBe(503);
    product = new Receiver(product.port);
    product.answer = () => Response.json({ allow: true });
    expect((await send("hello", { clientId: "one" })).status).toBe(201);
  }, 20_000);
});

describe("HOOK-33: questions", () => {
  test("of one person come one after another, in order, and hold up nobody else", async () => {
    product.answer = ({ data }) =>
      (data.fromUser as unknown as { uid: number }).uid === ann.uid ? slowly(100)() : slowly(0)();
    const slow = Promise.all(Array.from({ length: 15 }, (_, n) => send(`slow ${n}`)));
    await product.until("the first one", ({ open }) => open === 1);
    const began = performance.now();
    for (let n = 0; n < 5; n++) expect((await send(`quick ${n}`, { by: ben })).status).toBe(201);
    expect(performance.now() - began).toBeLessThan(1000);
    expect(product.most).toBeLessThanOrEqual(2);
    expect((await slow).every(({ status }) => status === 201)).toBe(true);
    expect((await texts()).filter((text) => text?.startsWith("slow"))).toEqual(
      Array.from({ length: 15 }, (_, n) => `slow ${n}`),
    );
  });

  test("of one person that wait are bounded", async () => {
    product.answer = slowly(400);
    const all = Array.from({ length: CAPS.hookWaiting.count + 5 }, (_, n) => send(`text ${n}`));
    const late = await Promise.race(all.map((one) => one.then((reply) => reply.status === 429 && reply)));
    expect(late).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    product.answer = slowly(0);
    expect((await Promise.all(all)).filter(({ status }) => status === 429)).toHaveLength(5);
  }, 20_000);
});
