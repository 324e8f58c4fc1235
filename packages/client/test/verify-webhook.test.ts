import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Webhook } from "standardwebhooks";
import { administrator } from "../../server/test/administrator.ts";
import { TestServer } from "../../server/test/harness.ts";
import { type Received, Receiver } from "../../server/test/webhook-receiver.ts";
import { verifyWebhook, WebhookInvalid } from "../src/server.ts";

const SECRET = `whsec_${btoa("a secret of at least 24 bytes")}`;
const BODY = '{"event":"MESSAGE","data":{"text":"héllo"}}';

/** A request that is signed by another library than ours. */
function signed(body = BODY, { id = "7-1", at = new Date(), secret = SECRET } = {}) {
  return {
    "webhook-id": id,
    "webhook-timestamp": String(Math.floor(at.getTime() / 1000)),
    "webhook-signature": new Webhook(secret).sign(id, at, body),
  };
}
const verify = (headers: Record<string, string>, body: string | Uint8Array = BODY, secret = SECRET) =>
  verifyWebhook({ headers, body, secret });

describe("SDK-94: a request of a webhook", () => {
  test("is read where its signature is right, whatever holds its headers and its body", async () => {
    const event = { event: "MESSAGE", data: { text: "héllo" } };
    expect(await verify(signed())).toEqual(event);
    expect(await verify(signed(), new TextEncoder().encode(BODY))).toEqual(event);
    expect(await verifyWebhook({ headers: new Headers(signed()), body: BODY, secret: SECRET })).toEqual(event);
    const lists = Object.fromEntries(Object.entries(signed()).map(([name, value]) => [name, [value]]));
    expect(await verifyWebhook({ headers: lists, body: BODY, secret: SECRET })).toEqual(event);
    expect(await verify(signed(), BODY, SECRET.slice(6))).toEqual(event);
    const headers = signed();
    const several = { ...headers, "webhook-signature": `v1a,AAAA v1,AAAA ${headers["webhook-signature"]}` };
    expect(await verify(several)).toEqual(event);
  });

  const other = `whsec_${btoa("another secret of 24 bytes or so")}`;
  test.each<[string, Record<string, string>, string?]>([
    ["another secret", signed(BODY, { secret: other })],
    ["another body", signed(), `${BODY} `],
    ["another id", { ...signed(), "webhook-id": "8-1" }],
    ["another time", { ...signed(), "webhook-timestamp": String(Math.floor(Date.now() / 1000) - 60) }],
    ["too old a time", signed(BODY, { at: new Date(Date.now() - 301_000) })],
    ["a time to come", signed(BODY, { at: new Date(Date.now() + 900_000) })],
    ["no time", { ...signed(), "webhook-timestamp": "now" }],
    ["no signature", { ...signed(), "webhook-signature": "" }],
    ["one of another version", { ...signed(), "webhook-signature": signed()["webhook-signature"].replace("v1", "v2") }],
    ["one that is not base64", { ...signed(), "webhook-signature": "v1,\u00e9" }],
    ["an empty one", { ...signed(), "webhook-signature": "v1," }],
    ["no id", { ...signed(), "webhook-id": "" }],
  ])("is refused with %s", async (_, headers, body = BODY) => {
    const error = await verify(headers, body).catch((error: unknown) => error);
    expect(error).toBeInstanceOf(WebhookInvalid);
  });

  test("needs a secret", async () => {
    for (const secret of ["", "whsec_", "whsec_AAAA", "no base64 at all, though it is long"]) {
      const error = await verify(signed(), BODY, secret).catch((error: unknown) => error);
      expect(error).toBeInstanceOf(TypeError);
    }
  });

  test("may be as old as is said", async () => {
    const headers = signed(BODY, { at: new Date(Date.now() - 900_000) });
    const request = { headers, body: BODY, secret: SECRET };
    expect(await verifyWebhook(request, { toleranceSeconds: 1000 })).toMatchObject({ event: "MESSAGE" });
  });
});

describe("SDK-94: what Parley sends", () => {
  let server: TestServer;
  let receiver: Receiver;
  beforeAll(async () => {
    server = await TestServer.start();
    receiver = new Receiver();
  }, 20_000);
  afterAll(async () => {
    await server.stop();
    await receiver.stop();
  });

  test("is verified with the secret that was shown", async () => {
    const root = await administrator(server, "root");
    const { secret } = await root.api.ok<{ secret: string }>("POST", "/admin/webhooks", { url: receiver.url });
    const ann = await server.person("ann");
    await receiver.until("one", ({ taken }) => taken.length > 0);
    const { headers, text } = receiver.taken[0] as Received;
    const event = await verifyWebhook({ headers, body: text, secret });
    expect(event).toMatchObject({ event: "user.created", data: { uid: ann.uid, name: "ann" } });
  });
});
