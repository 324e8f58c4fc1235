import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { createPublicKey, generateKeyPairSync } from "node:crypto";
import { lastingPort } from "../../test/free-port.ts";
import {
  keyServer,
  newKey,
  newProductToken,
  type PublishedKeys,
  publishing,
  settingsFor,
} from "../../test/product-issuer.ts";
import { ManualClock } from "../lib/clock.ts";
import { createLogger } from "../ops/logger.ts";
import { KeyServer } from "./key-server.ts";
import { ProductTokens } from "./product-tokens.ts";

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const first = newKey("first");
const second = newKey("second");

let server: ReturnType<typeof keyServer>;
let clock: ManualClock;
let keys: KeyServer;
let tokens: ProductTokens;
let lines: string[];
/** For an answer; a test shortens it where none comes. */
let timeoutMs: number;

beforeEach(() => {
  timeoutMs = 60_000;
  server = keyServer([first]);
  clock = new ManualClock();
  lines = [];
  ({ keys, tokens } = readerOf(server.url));
});
afterEach(() => server.stop());

function readerOf(url: string) {
  const logger = createLogger({ level: "info", sink: { write: (line) => lines.push(line) } });
  const parts = {
    ...{ url, algorithm: "ES256" as const, clock, logger },
    get timeoutMs() {
      return timeoutMs;
    },
  };
  const keys = new KeyServer(parts);
  return { keys, tokens: new ProductTokens({ settings: settingsFor({ url }), keys, clock, logger }) };
}

const token = (key = first, header: Record<string, unknown> = {}) => newProductToken({ key, now: clock.now(), header });
const verify = async (key = first) => (await tokens.verify(await token(key)))?.externalId;
/** Later, after what the timer would do every few seconds. */
async function pass(ms: number): Promise<void> {
  for (let left = ms; left > 0; left -= MINUTE) {
    clock.advance(Math.min(left, MINUTE));
    await keys.refreshIfDue();
  }
}
const broken: [string, PublishedKeys["answer"]][] = [
  ["is down", () => new Response("bad gateway", { status: 502 })],
  ["says that there is nothing", () => new Response("{}", { status: 404 })],
  ["never answers", () => new Promise<Response>(() => {})],
  ["stops in the middle", () => new Response(new ReadableStream({ start: (c) => c.enqueue('{"keys":[') }))],
  ["redirects", () => Response.redirect(`${server.url}/elsewhere`, 302)],
  ["sends a page", () => new Response("<html>Sign in</html>")],
  ["sends an empty set", () => Response.json({ keys: [] })],
  ["sends keys of other kinds", () => Response.json({ keys: [{ kty: "oct", k: "AAAA", kid: "first" }] })],
  ["sends something else", () => Response.json([first.jwk])],
  ["sends null", () => Response.json(null)],
  ["sends too many keys", () => Response.json({ keys: Array.from({ length: 101 }, () => first.jwk) })],
  ["sends too much", () => Response.json({ keys: [first.jwk], pad: "x".repeat(70_000) })],
  ["never stops sending", () => new Response(new ReadableStream({ pull: (c) => c.enqueue("x".repeat(1000)) }))],
];

describe("a key server", () => {
  test("TOK-10: is asked once, before the first token", async () => {
    const stop = keys.start();
    await keys.keyFor("first");
    expect(server.fetches).toBe(1);
    expect(await verify()).toBe("customer-42");
    for (let count = 0; count < 20; count++) await verify();
    expect(server.fetches).toBe(1);
    stop();
  });

  test("TOK-10: is left at a stop, also in the middle of an answer", async () => {
    server.answer = () => new Promise<Response>(() => {});
    const stop = keys.start();
    const waiting = keys.keyFor("first");
    while (server.fetches === 0) await new Promise(setImmediate);
    stop();
    await expect(waiting).rejects.toMatchObject({ code: "overloaded" });
    clock.advance(HOUR);
    await keys.refreshIfDue();
    expect([server.fetches, lines]).toEqual([1, []]);
  });

  test("TOK-10: is asked again every five minutes, and what it has taken back counts no longer", async () => {
    await verify();
    server.answer = () => publishing([second]);
    await pass(4 * MINUTE);
    expect(server.fetches).toBe(1);
    expect(await verify()).toBe("customer-42");
    await pass(MINUTE);
    expect(server.fetches).toBe(2);
    expect(await verify()).toBeUndefined();
    expect(await verify(second)).toBe("customer-42");
  });

  test("TOK-11: that rotates is asked at once for a key that is not known", async () => {
    await verify();
    clock.advance(30_000);
    server.answer = () => publishing([first, second]);
    expect(await verify(second)).toBe("customer-42");
    expect(await verify(first)).toBe("customer-42");
    expect(server.fetches).toBe(2);
  });

  test("TOK-11: is asked at most once in 30 seconds, whatever keys are named", async () => {
    await verify();
    const unknown = await Promise.all(Array.from({ length: 300 }, (_, index) => token(newKey(`k${index}`))));
    const results = async () => new Set(await Promise.all(unknown.map((one) => tokens.verify(one))));
    expect(await results()).toEqual(new Set([undefined]));
    expect(server.fetches).toBe(1);
    clock.advance(29_999);
    await results();
    expect(server.fetches).toBe(1);
    clock.advance(1);
    await results();
    expect(server.fetches).toBe(2);
    // Even if the clock is set back.
    clock.advance(-HOUR);
    await results();
    await results();
    expect(server.fetches).toBe(3);
  });

  test("TOK-11: is asked every two seconds as long as there are no keys: it may start later than this server", async () => {
    server.answer = () => new Response("bad gateway", { status: 502 });
    await expect(verify()).rejects.toThrow("cannot be read");
    server.answer = () => publishing([first]);
    clock.advance(1999);
    await expect(verify()).rejects.toThrow("cannot be read");
    expect(server.fetches).toBe(1);
    clock.advance(1);
    expect(await verify()).toBe("customer-42");
    clock.advance(29_999);
    expect(await verify(second)).toBeUndefined();
    expect(server.fetches).toBe(2);
  });

  test("TOK-11: a token of another algorithm makes nobody ask for its key", async () => {
    await verify();
    clock.advance(MINUTE);
    expect(
      await tokens.verify(
        (await token(second)).replace(/^[^.]+/, btoa('{"alg":"RS256","kid":"unknown"}').replace(/=/g, "")),
      ),
    ).toBeUndefined();
    expect(server.fetches).toBe(1);
  });

  test("TOK-11: a flood of tokens with unknown keys does not hold up those with known ones, however slow it is", async () => {
    await verify();
    clock.advance(30_000);
    const gone = Promise.withResolvers<Response>();
    server.answer = () => gone.promise;
    const unknown = await Promise.all(Array.from({ length: 200 }, () => token(second)));
    const flood = Promise.allSettled(unknown.map((one) => tokens.verify(one)));
    while (server.fetches < 2) await new Promise(setImmediate);
    expect(await verify()).toBe("customer-42");
    gone.resolve(new Response("", { status: 502 }));
    expect((await flood).every(({ status }) => status === "rejected")).toBe(true);
    expect(server.fetches).toBe(2);
  });

  for (const [what, answer] of broken) {
    test(`TOK-12: that ${what} changes nothing for an hour, and for a day`, async () => {
      await verify();
      server.answer = answer;
      // Those that do not come to an end are left then; the others end by themselves.
      timeoutMs = 300;
      // It is tried every half minute; three of them show it.
      await pass(6 * MINUTE);
      expect(server.fetches).toBeGreaterThanOrEqual(3);
      expect(await verify()).toBe("customer-42");
      clock.advance(24 * HOUR - 6 * MINUTE - 1);
      expect(await verify()).toBe("customer-42");
      clock.advance(1);
      await expect(verify()).rejects.toMatchObject({ code: "overloaded", retryAfterMs: expect.any(Number) });
      server.answer = () => publishing([first]);
      timeoutMs = 60_000;
      clock.advance(30_000);
      expect(await verify()).toBe("customer-42");
      expect(lines.some((line) => line.includes("can be read again"))).toBe(true);
    }, 30_000);
  }

  test("TOK-12: that redirects is not followed", async () => {
    const elsewhere = keyServer([second]);
    await verify();
    server.answer = () => Response.redirect(elsewhere.url, 302);
    clock.advance(30_000);
    await expect(verify(second)).rejects.toMatchObject({ code: "overloaded" });
    expect(elsewhere.fetches).toBe(0);
    await elsewhere.stop();
  });

  test("TOK-12: that is gone leaves unknown what it would say: a token with another key is not refused for good", async () => {
    await verify();
    server.answer = () => new Response("", { status: 500 });
    clock.advance(30_000);
    await expect(verify(second)).rejects.toMatchObject({ code: "overloaded" });
    await keys.refreshIfDue();
    expect(await verify(first)).toBe("customer-42");
    server.answer = () => publishing([first]);
    clock.advance(30_000);
    expect(await verify(second)).toBeUndefined();
  });

  test("TOK-12: that cannot be reached at the start is asked until it answers", async () => {
    const port = lastingPort();
    ({ keys, tokens } = readerOf(`http://127.0.0.1:${port}/keys.json`));
    await expect(verify()).rejects.toMatchObject({ code: "overloaded" });
    await keys.keyFor("first").catch(() => {});
    expect(lines.join()).toContain("could not be read");
    const back = Bun.serve({ port, hostname: "127.0.0.1", fetch: () => publishing([first]) });
    await pass(MINUTE);
    expect(await verify()).toBe("customer-42");
    await back.stop(true);
  });
});

describe("of a published set", () => {
  const setOf = async (jwks: unknown[]) => {
    server.answer = () => Response.json({ keys: jwks });
    return readerOf(server.url).keys;
  };

  test("TOK-13: keys for other uses, of other kinds and of other algorithms are passed over", async () => {
    const { jwk } = first;
    const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 }).publicKey.export({ format: "jwk" });
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" }).publicKey.export({ format: "jwk" });
    const set = await setOf([
      { ...jwk, kid: "enc", use: "enc" },
      { ...jwk, kid: "signs", key_ops: ["sign"] },
      { ...jwk, kid: "other-alg", alg: "ES384" },
      { ...p384, kid: "p384" },
      { ...rsa, kid: "rsa" },
      { ...jwk, kid: "off-curve", x: jwk.y },
      { ...jwk, kid: 7 },
      { kty: "oct", k: "c2VjcmV0", kid: "oct", alg: "HS256" },
      { kty: "new-kind", kid: "new" },
      "text",
      null,
      { ...jwk, kid: "bare", use: undefined, alg: undefined },
      { ...jwk, kid: "verifies", key_ops: ["verify"] },
    ]);
    const found = async (kid: string) => (await set.keyFor(kid)) !== undefined;
    for (const kid of ["enc", "signs", "other-alg", "p384", "rsa", "off-curve", "oct", "new", "first"]) {
      expect([kid, await found(kid)]).toEqual([kid, false]);
    }
    for (const kid of ["bare", "verifies"]) expect([kid, await found(kid)]).toEqual([kid, true]);
  });

  test("TOK-13: RSA keys of fewer than 2 048 bits are passed over", async () => {
    const jwkOf = (bits: number) =>
      generateKeyPairSync("rsa", { modulusLength: bits }).publicKey.export({ format: "jwk" });
    server.answer = () =>
      Response.json({
        keys: [
          { ...jwkOf(1024), kid: "small" },
          { ...jwkOf(2048), kid: "large" },
        ],
      });
    const logger = createLogger({ level: "silent", sink: { write: () => {} } });
    const set = new KeyServer({ url: server.url, algorithm: "RS256", clock, logger });
    expect(await set.keyFor("large")).toBeDefined();
    expect(await set.keyFor("small")).toBeUndefined();
  });

  test("TOK-13: a private key is read as its public half", async () => {
    const jwk = first.privateKey.export({ format: "jwk" });
    const set = await setOf([{ ...jwk, kid: "first" }]);
    expect(await set.keyFor("first")).toMatchObject({ type: "public", usages: ["verify"] });
    expect(createPublicKey(first.privateKey as never).type).toBe("public");
  });

  test("TOK-13: a token without `kid` means the only key that there is", async () => {
    const bare = await token(first, { kid: undefined });
    expect((await tokens.verify(bare))?.externalId).toBe("customer-42");
    server.answer = () => publishing([first, second]);
    const { tokens: ofTwo } = readerOf(server.url);
    expect(await ofTwo.verify(bare)).toBeUndefined();
    expect(await ofTwo.verify(await token())).toBeDefined();
  });
});
