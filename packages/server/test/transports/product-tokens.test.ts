import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { ApiClient } from "../api-client.ts";
import { say } from "../harness.ts";
import { Product } from "../product.ts";
import { newKey, newProductToken } from "../product-issuer.ts";
import { type Stage, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let product: Product;
let stage: Stage;
beforeAll(async () => {
  product = await Product.open();
  stage = product.stage;
}, 30_000);
afterAll(() => product.close());

/** A close code, an end that follows INVALIDATE_TOKEN without a code, or the status of the next answer. */
const ENDS = { websocket: 4001, sse: 0, "long-poll": 401, "short-poll": 401 };

for (const transport of TRANSPORTS) {
  const isPoll = transport.name.endsWith("poll");

  describe(transport.name, () => {
    test("TOK-1: one of the product's own tokens reads like one of Parley's", async () => {
      const person = await product.person();
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      await say(stage.ann, room, "hello");
      await reader.until((frames) => texts({ frames }, room).includes("hello"), "the message");
    });

    test("TOK-2: a forged one opens nothing", async () => {
      const person = await product.person();
      const other = newKey(product.key.kid);
      const now = product.clock.now();
      const forged = [
        await newProductToken({ key: other, now, claims: { sub: person.externalId } }),
        await product.token({ sub: person.externalId, aud: "other" }),
        await product.token({ sub: person.externalId, exp: now / 1000 - 31 }),
        `${btoa('{"alg":"none"}').replace(/=/g, "")}.${person.token.split(".")[1]}.AA`,
      ];
      for (const token of forged) {
        if (transport.name === "websocket") {
          const client = await stage.server.connect({ token });
          await client.frame(Push.INVALIDATE_TOKEN);
          await client.echo();
          expect(client.of(Push.LOGIN_SUCCESS)).toEqual([]);
        } else {
          const opened = await stage.read(transport, {}, { ...person, token }).catch((error: unknown) => error);
          expect(opened).toMatchObject({ status: 401, code: "unauthorized" });
        }
      }
    });

    test("TOK-21: signing out everywhere ends it, and an older token opens nothing more", async () => {
      const person = await product.person();
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      await say(stage.ann, room, "before");
      await reader.until((frames) => texts({ frames }, room).includes("before"), "what was said before");
      await person.api.ok("DELETE", "/logins");
      await say(stage.ann, room, "after");
      await reader.until(() => reader.ended !== undefined, "its end");
      expect(reader.ended).toBe(ENDS[transport.name]);
      expect(texts(reader, room)).toEqual(["before"]);
      expect(reader.frames.some(({ type }) => type === Push.INVALIDATE_TOKEN)).toBe(!isPoll);
      const statusOf = async (claims: Record<string, unknown>) => {
        const token = await product.token({ sub: person.externalId, ...claims });
        return (await new ApiClient(product.url, token).call("GET", "/me")).status;
      };
      // A token from the same second, one that does not say when it was made, and a new one.
      expect(await statusOf({})).toBe(401);
      expect(await statusOf({ iat: undefined })).toBe(401);
      product.clock.advance(1000);
      expect(await statusOf({})).toBe(200);
    });

    test("TOK-30: it ends half a minute after the token does", async () => {
      const seconds = product.clock.now() / 1000;
      const person = await product.person({ exp: seconds + 600 });
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      product.clock.advance(629_000);
      await say(stage.ann, room, "in time");
      await reader.until((frames) => texts({ frames }, room).includes("in time"), "what was said in time");
      product.clock.advance(1000);
      await reader.until(() => reader.ended !== undefined, "its end");
      expect(reader.ended).toBe(ENDS[transport.name]);
      expect(reader.frames.some(({ type }) => type === Push.INVALIDATE_TOKEN)).toBe(!isPoll);
      expect((await person.api.call("GET", "/me")).status).toBe(401);
    }, 20_000);

    if (!isPoll) {
      test("TOK-31: READY says when the token ends, and REAUTHORIZE comes once, a minute before", async () => {
        const expiresAt = product.clock.now() + 600_000;
        const person = await product.person({ exp: expiresAt / 1000 });
        const reader = await stage.read(transport, {}, person);
        const of = (wanted: number) => reader.frames.filter(({ type }) => type === wanted);
        expect(of(Push.READY)[0]?.data).toMatchObject({ tokenExpiresAt: expiresAt });
        product.clock.advance(540_000);
        await reader.until(() => of(Push.REAUTHORIZE).length > 0, "REAUTHORIZE");
        expect(of(Push.REAUTHORIZE)).toEqual([{ type: Push.REAUTHORIZE, data: { expiresAt } }]);
        // The same timer ends the token.
        product.clock.advance(90_000);
        await reader.until(() => reader.ended !== undefined, "its end");
        expect(of(Push.REAUTHORIZE)).toHaveLength(1);
      }, 20_000);
    }
  });
}

describe("AUTHORIZE with the next token", () => {
  const live = async (person: { token: string }, path = "/ws") => {
    const client = await stage.server.connect({ token: person.token, path });
    await client.frame(Push.READY);
    return client;
  };

  test("TOK-32: is answered by LOGIN_SUCCESS alone, and the connection goes on without a gap", async () => {
    const now = product.clock.now() / 1000;
    const person = await product.person({ exp: now + 100 });
    const room = await stage.room([person]);
    const client = await live(person);
    await client.frame(Push.RED_DOT);
    const next = await product.token({ sub: person.externalId, exp: now + 4000 });
    const before = client.frames.length;
    client.send({ type: Command.AUTHORIZE, data: { token: next } });
    await client.until(() => client.of(Push.LOGIN_SUCCESS).length === 2, "the second LOGIN_SUCCESS");
    const later = client.frames.slice(before).filter(({ type }) => type !== Push.ONLINE_OFFLINE_NOTIFY);
    expect(later.map(({ type }) => type)).toEqual([Push.LOGIN_SUCCESS]);
    expect(client.of(Push.LOGIN_SUCCESS)[1]?.data).toMatchObject({ uid: person.uid, token: next });
    // The same timer, in the same turn, ends the connection that has no next token.
    const left = await live(person);
    product.clock.advance(200_000);
    expect((await left.ended()).code).toBe(4001);
    await say(stage.ann, room, "still here");
    await client.until(() => texts(client, room).includes("still here"), "the message");
    expect(client.closed).toBeUndefined();
    expect(client.of(Push.REAUTHORIZE)).toEqual([]);
    expect(left.of(Push.REAUTHORIZE)).toEqual([]);
    product.clock.advance(3_745_000);
    await client.frame(Push.REAUTHORIZE, ({ data }) => data.expiresAt === (now + 4000) * 1000);
    product.clock.advance(90_000);
    expect((await client.ended()).code).toBe(4001);
  }, 30_000);

  test("TOK-32: somebody else's is `conflict`, a wrong one `unauthorized`, and neither changes anything", async () => {
    const [person, other] = [await product.person(), await product.person()];
    const client = await live(person);
    const wrong = await product.token({ sub: person.externalId, aud: "other" });
    for (const token of [other.token, wrong]) client.send({ type: Command.AUTHORIZE, data: { token } });
    await client.until(() => client.of(Push.ERROR).length === 2, "two errors");
    expect(client.of(Push.ERROR).map(({ data }) => data)).toMatchObject([
      { code: "conflict", requestType: Command.AUTHORIZE },
      { code: "unauthorized", requestType: Command.AUTHORIZE },
    ]);
    expect(client.of(Push.LOGIN_SUCCESS)).toHaveLength(1);
    await client.echo();
  });

  test("TOK-32: while it waits for RESUME it goes on waiting", async () => {
    const person = await product.person();
    const room = await stage.room([person]);
    const client = await live(person, "/ws?resume=1");
    const { cursor } = (await client.frame(Push.READY)).data;
    await say(stage.ann, room, "missed");
    const next = await product.token({ sub: person.externalId, jti: "next" });
    client.send({ type: Command.AUTHORIZE, data: { token: next } });
    await client.until(() => client.of(Push.LOGIN_SUCCESS).length === 2, "the second LOGIN_SUCCESS");
    expect(texts(client, room)).toEqual([]);
    client.send({ type: Command.RESUME, data: { cursor } });
    await client.until(() => texts(client, room).includes("missed"), "the message");
  });

  test("TOK-32: one that was ended by signing out everywhere is not accepted, and a later one is", async () => {
    const person = await product.person();
    const [here, there] = [await live(person), await live(person)];
    const old = await product.token({ sub: person.externalId, jti: "old" });
    await person.api.ok("DELETE", "/logins");
    await Promise.all([here.ended(), there.ended()]);
    product.clock.advance(1000);
    const fresh = await product.token({ sub: person.externalId });
    const client = await live({ token: fresh });
    client.send({ type: Command.AUTHORIZE, data: { token: old } });
    expect((await client.frame(Push.ERROR)).data).toMatchObject({ code: "unauthorized" });
    await client.echo();
  });
});
