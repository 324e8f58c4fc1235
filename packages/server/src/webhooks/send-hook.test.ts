import { afterEach, beforeEach, describe, expect, type Mock, spyOn, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { lastingPort } from "../../test/free-port.ts";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";
import { type Received, Receiver, until } from "../../test/webhook-receiver.ts";
import { systemClock } from "../lib/clock.ts";
import { CAPS } from "../limits/caps.ts";
import { createLogger } from "../ops/logger.ts";
import { SendHook } from "./send-hook.ts";

const SECRET = `whsec_${Buffer.from("a secret of at least 24 bytes").toString("base64")}`;

let server: TestServer;
let product: Receiver;
let door: Door;
let ann: Person;
let ben: Person;
let roomId: number;
/** Asked in place of the server's own hook, unless it is undefined. */
let patient: SendHook | undefined;
/** What was asked of either. */
let asked: Mock<SendHook["ask"]>;

/** The same as the server's, except that a machine that stands still for a moment is not taken for a product that does not answer. */
function patientHook(fail: "open" | "closed"): SendHook {
  const logger = createLogger({ level: "info", sink: { write: (line) => void server.log.push(line) } });
  const settings = { url: product.url, fail };
  const { metrics } = server;
  return new SendHook({ settings, secret: SECRET, clock: systemClock, logger, metrics, timeoutMs: 60_000 });
}

/** @param port of the product */
async function start(fail: "open" | "closed" = "open", port = 0): Promise<void> {
  product = new Receiver(port);
  product.answer = () => Response.json({ allow: true });
  const settings = { SEND_HOOK_URL: product.url, SEND_HOOK_SECRET: SECRET, SEND_HOOK_FAIL: fail };
  server = await TestServer.start(settings);
  patient = patientHook(fail);
  door = await openDoor(server, "shop");
  [ann, ben] = [await personAtDoor(server, door, "ann"), await personAtDoor(server, door, "ben")];
  roomId = await server.room(ann, [ben]);
}
beforeEach(async () => {
  const { ask } = SendHook.prototype;
  asked = spyOn(SendHook.prototype, "ask").mockImplementation(function (this: SendHook, ...given) {
    return ask.apply(patient ?? this, given);
  });
  await start();
}, 20_000);
afterEach(async () => {
  asked.mockRestore();
  await server.stop();
  await product.stop();
}, 20_000);

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
  ])(
    "with %j is 422, and nothing is sent",
    async (more, code, detail) => {
      product.answer = refuse(more);
      expect(await send("a word")).toMatchObject({ status: 422, body: { code, detail } });
      expect(await texts()).toEqual([]);
    },
    30_000,
  );

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
  test.each(none)(
    "one %s counts as no answer: the message is sent, without waiting",
    async (_, answer) => {
      product.answer = answer;
      expect(await send("hello")).toMatchObject({ status: 201, body: { message: { body: { content: "hello" } } } });
      product.answer = refuse();
      expect((await send("hello again")).status).toBe(422);
      expect(server.log.join("")).toContain("does not answer as it should");
      expect(server.log.join("")).not.toContain(SECRET.slice(6));
    },
    30_000,
  );

  test("the message is refused by SEND_HOOK_FAIL=closed, and can be sent when there is one", async () => {
    await server.stop();
    await product.stop();
    // The product goes, and comes back at the same port.
    await start("closed", lastingPort());
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

  test.each([
    ["open", 201],
    ["closed", 503],
  ] as const)(
    "half a second is waited for one, with SEND_HOOK_FAIL=%s",
    async (fail, status) => {
      await server.stop();
      await product.stop();
      await start(fail);
      patient = undefined;
      product.answer = () => new Promise(() => {});
      expect((await send("hello")).status).toBe(status);
      expect(server.log.join("")).toMatch(/within 500 ms.*does not answer as it should/);
    },
    20_000,
  );
});

/** Sends that have come to the hook, and a product that answers none of a person's before it may. */
function gated() {
  const gate = Promise.withResolvers<void>();
  product.answer = async ({ data }) => {
    if ((data.fromUser as unknown as { uid: number }).uid === ann.uid) await gate.promise;
    return Response.json({ allow: true });
  };
  const come = (count: number) => until(`${count} sends`, () => asked.mock.calls.length === count);
  return { come, open: gate.resolve };
}

describe("HOOK-33: questions", () => {
  test("of one person come one after another, in order, and hold up nobody else", async () => {
    const { come, open } = gated();
    const slow: ReturnType<typeof send>[] = [];
    for (let n = 0; n < 15; n++) {
      slow.push(send(`slow ${n}`));
      await come(n + 1);
    }
    await product.until("the first one", (one) => one.open === 1);
    for (let n = 0; n < 5; n++) expect((await send(`quick ${n}`, { by: ben })).status).toBe(201);
    // Hers is still asked about.
    expect([product.open, product.most]).toEqual([1, 2]);
    open();
    expect((await Promise.all(slow)).every(({ status }) => status === 201)).toBe(true);
    expect(product.most).toBe(2);
    expect((await texts()).filter((text) => text?.startsWith("slow"))).toEqual(
      Array.from({ length: 15 }, (_, n) => `slow ${n}`),
    );
  }, 20_000);

  test("of one person that wait are bounded", async () => {
    const { come, open } = gated();
    const all = Array.from({ length: CAPS.hookWaiting.count + 5 }, (_, n) => send(`text ${n}`));
    // Nobody's answer is there yet.
    expect(await Promise.race(all)).toMatchObject({ status: 429, body: { code: "rate_limited" } });
    await come(all.length);
    open();
    const statuses = (await Promise.all(all)).map(({ status }) => status);
    expect(statuses.toSorted()).toEqual([...Array(CAPS.hookWaiting.count).fill(201), ...Array(5).fill(429)]);
  }, 20_000);
});
