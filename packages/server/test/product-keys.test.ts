import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { ManualClock } from "../src/lib/clock.ts";
import { ApiClient } from "./api-client.ts";
import { TestServer } from "./harness.ts";
import { AUDIENCE, ISSUER, keyServer, newKey, newProductToken, publishing } from "./product-issuer.ts";

/** A whole server whose product publishes its keys. */
const first = newKey("first");
const second = newKey("second");
const clock = new ManualClock();
let keys: ReturnType<typeof keyServer>;
let server: TestServer;
beforeAll(async () => {
  keys = keyServer([first]);
  keys.answer = () => new Response("", { status: 500 });
  const settings = { JWT_ALGORITHM: "ES256", JWT_ISSUER: ISSUER, JWT_AUDIENCE: AUDIENCE, JWT_JWKS_URL: keys.url };
  server = await TestServer.start(settings, { clock });
}, 30_000);
afterAll(async () => {
  await server.stop();
  await keys.stop();
});

const token = (key = first) => newProductToken({ key, now: clock.now() });
const me = async (key = first) => new ApiClient(server.url, await token(key)).call<{ code?: string }>("GET", "/me");

describe("a server whose product's keys come from an address", () => {
  test("TOK-12: starts without them, and asks people to come back until they are there", async () => {
    expect((await fetch(`${server.url}/readyz`)).status).toBe(200);
    const refused = await me();
    expect(refused).toMatchObject({ status: 503, body: { code: "overloaded" } });
    expect(Number(refused.headers.get("Retry-After"))).toBeGreaterThan(0);
    const live = await server.connect({ token: await token() });
    expect(await live.ended()).toMatchObject({ code: 1013, reason: "retry=5000" });
    expect(live.of(Push.INVALIDATE_TOKEN)).toEqual([]);
    // People who sign in here are not affected by it.
    expect((await server.person("ann")).uid).toBeGreaterThan(0);
    keys.answer = () => publishing([first]);
    clock.advance(30_000);
    expect((await me()).status).toBe(200);
  });

  test("TOK-11: takes a new key at once, and the metrics count", async () => {
    keys.answer = () => publishing([first, second]);
    clock.advance(30_000);
    expect((await me(second)).status).toBe(200);
    expect((await me(newKey("third"))).status).toBe(401);
    const metrics = await (await fetch(`${server.url}/metrics`)).text();
    expect(metrics).toMatch(/parley_product_key_fetches_total\{result="failed"\} [1-9]/);
    expect(metrics).toContain('parley_product_key_fetches_total{result="read"} 2');
    expect(metrics).toMatch(/parley_product_tokens_total\{result="accepted"\} [1-9]/);
    expect(metrics).toContain('parley_product_tokens_total{result="refused"} 1');
  });

  test("TOK-12: goes on for a day without them, connections too", async () => {
    await keys.stop();
    clock.advance(24 * 3_600_000 - 1);
    expect((await me()).status).toBe(200);
    const before = await token();
    clock.advance(60_001);
    expect((await me()).status).toBe(503);
    const live = await server.connect({ token: before });
    expect((await live.ended()).code).toBe(1013);
  });
});
