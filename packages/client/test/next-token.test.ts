import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../../server/test/harness.ts";
import { Product } from "../../server/test/product.ts";
import { Rig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

/** A function gives tokens that the product makes: each ends, and the client goes on with the next one. */
const rig = new Rig();
let product: Product;
beforeAll(async () => {
  product = await Product.open({ RATE_LIMITS: "off" });
}, 20_000);
afterAll(() => product.close());

const HOUR = 3_600_000;
const TRANSPORTS = ["websocket", "sse", "long-poll", "short-poll"] as const;

/** Somebody whose client gets a token for an hour each time it asks, and the ending that it passed each time. */
async function somebody(sid?: string) {
  const person = await product.person({ sid });
  const room = await product.stage.room([person]);
  const asked: (string | undefined)[] = [];
  let given = 0;
  const token = (ending?: string) => {
    asked.push(ending);
    given += 1;
    return product.token({ sub: person.externalId, sid, jti: given });
  };
  return { person, room, asked, token };
}

const speak = (room: number, text: string) => say(product.stage.ann, room, text);

async function heard(watched: WatchedClient, room: number, text: string): Promise<void> {
  await speak(room, text);
  await watched.said(room, text);
}

for (const transport of TRANSPORTS) {
  describe(transport, () => {
    test("SDK-80: over the ends of three tokens nothing is lost, repeated or read anew", async () => {
      const { room, token } = await somebody();
      // Hours pass within moments here, so no connection lasts long enough to count as stable.
      const timing = { stableMs: 0 };
      const watched = rig.watch({ url: product.url, token, transports: [transport] }, { timing });
      await watched.live();
      const texts: string[] = [];
      for (let end = 1; end <= 3; end++) {
        // The sign that the server has the next token; a poll is not told of the end, and runs into it.
        const sign = transport === "websocket" ? Push.LOGIN_SUCCESS : Push.READY;
        const signs = () => watched.pushes.filter(({ type }) => type === sign).length;
        const before = signs();
        const said = Array.from({ length: 20 }, (_, n) => `${end}.${n}`);
        texts.push(...said);
        for (const [index, text] of said.entries()) {
          if (index === 5) product.clock.advance(HOUR - 60_000);
          if (index === 10 && !transport.endsWith("poll"))
            await watched.until(() => signs() > before, "the next token");
          if (index === 15) product.clock.advance(90_000);
          await speak(room, text);
        }
        await watched.said(room, said.at(-1) as string);
        // A poll that hung at the token's end may have brought all of these. The poll behind it has the next token, before hours pass again.
        texts.push(`${end}.end`);
        await heard(watched, room, `${end}.end`);
        await watched.live();
      }
      expect(watched.texts(room)).toEqual(texts);
      expect([watched.resyncs, watched.reloads]).toEqual([[], []]);
      expect(watched.states.filter(({ kind }) => kind === "stopped" || kind === "waiting")).toEqual([]);
    }, 20_000);
  });
}

test("SDK-80: a WebSocket goes on with the next token as it is, and the function is told which one ends", async () => {
  const { room, asked, token } = await somebody();
  const watched = rig.watch({ url: product.url, token, transports: ["websocket"] });
  await watched.live();
  const states = watched.states.length;
  const first = watched.client.token;
  product.clock.advance(HOUR - 60_000);
  const signedIn = () => watched.pushes.filter(({ type }) => type === Push.LOGIN_SUCCESS);
  await watched.until(() => signedIn().length === 2, "the second LOGIN_SUCCESS");
  expect(asked.filter((ending) => ending !== undefined)).toEqual([first as string]);
  product.clock.advance(120_000);
  await heard(watched, room, "after the end of the first");
  expect(watched.states.length).toBe(states);
  expect(watched.client.token).not.toBe(first);
});

test("SDK-81: a function that fails is asked again, later each time, and reported", async () => {
  const { room, person } = await somebody();
  const failures: unknown[] = [];
  let failing = 0;
  const token = async () => {
    if (failing > 0) {
      failing -= 1;
      throw new Error(`no session server ${failing}`);
    }
    return product.token({ sub: person.externalId, jti: crypto.randomUUID() });
  };
  const onError = (error: unknown) => void failures.push((error as Error).message);
  const watched = rig.watch({ url: product.url, token, transports: ["websocket"], onError });
  await watched.live();
  failing = 3;
  product.clock.advance(HOUR - 60_000);
  const signedIn = () => watched.pushes.filter(({ type }) => type === Push.LOGIN_SUCCESS);
  await watched.until(() => signedIn().length === 2, "the second LOGIN_SUCCESS");
  expect(failures).toEqual(["no session server 2", "no session server 1", "no session server 0"]);
  product.clock.advance(120_000);
  await heard(watched, room, "still there");
}, 30_000);

test("SDK-81: one that fails until the end of the token makes the client wait, and go on where it was", async () => {
  const { room, person } = await somebody();
  let fails = false;
  const token = async () => {
    if (fails) throw new Error("no session server");
    return product.token({ sub: person.externalId, jti: crypto.randomUUID() });
  };
  const watched = rig.watch({ url: product.url, token, transports: ["websocket"], onError: () => {} });
  await watched.live();
  await heard(watched, room, "before");
  fails = true;
  product.clock.advance(HOUR + 30_000);
  await watched.was("waiting");
  await speak(room, "meanwhile");
  fails = false;
  await watched.said(room, "meanwhile");
  expect(watched.texts(room)).toEqual(["before", "meanwhile"]);
  expect(watched.resyncs).toEqual([]);
}, 30_000);

describe("a token that is refused", () => {
  test("SDK-82: is followed by another one, once; where that is refused too, the client stops", async () => {
    const { person } = await somebody();
    const wrong = await product.token({ sub: person.externalId, aud: "other" });
    for (const transport of TRANSPORTS) {
      const asked: (string | undefined)[] = [];
      const token = (ending?: string) => {
        asked.push(ending);
        return wrong;
      };
      const watched = rig.watch({ url: product.url, token, transports: [transport] });
      await watched.until(() => watched.states.some(({ kind }) => kind === "stopped"), "the stop");
      expect(watched.client.state).toMatchObject({ kind: "stopped", why: "revoked" });
      expect(asked.filter((ending) => ending !== undefined)).toEqual([wrong]);
    }
  });

  test("SDK-82: goes on with the other one", async () => {
    const { room, person } = await somebody();
    const wrong = await product.token({ sub: person.externalId, exp: product.clock.now() / 1000 - 60 });
    for (const transport of TRANSPORTS) {
      const token = async (ending?: string) =>
        ending ? product.token({ sub: person.externalId, jti: transport }) : wrong;
      const watched = rig.watch({ url: product.url, token, transports: [transport] });
      await watched.live();
      await heard(watched, room, `by ${transport}`);
      watched.client.stop();
    }
  });

  test("SDK-82: a request and a send with one are made again with the other", async () => {
    const { room, person } = await somebody();
    const wrong = await product.token({ sub: person.externalId, aud: "other" });
    const good = await product.token({ sub: person.externalId });
    const token = (ending?: string) => (ending ? good : wrong);
    const watched = rig.watch({ url: product.url, token });
    await watched.live();
    expect(await watched.client.request("GET /me")).toMatchObject({ uid: person.uid });
    const { fromUser } = await watched.client.send(room, "from the product's person");
    expect(fromUser.uid).toBe(person.uid);
  });

  test("SDK-4: a text is no function: its end stops the client", async () => {
    const { person } = await somebody();
    const token = await product.token({ sub: person.externalId });
    const watched = rig.watch({ url: product.url, token, transports: ["websocket"] });
    await watched.live();
    product.clock.advance(HOUR + 30_000);
    await watched.until(() => watched.client.state.kind === "stopped", "the stop");
    expect(watched.client.state).toMatchObject({ why: "revoked" });
    expect(watched.pushes.filter(({ type }) => type === Push.REAUTHORIZE).length).toBeLessThanOrEqual(1);
  });
});
