import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { ApiClient } from "./api-client.ts";
import { PASSWORD, type Person, TestServer } from "./harness.ts";
import { exchange, handshakeText } from "./raw-http.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben] = await Promise.all([server.person("ann"), server.person("ben")]);
}, 30_000);
afterAll(() => server.stop());

/** The user whom the server names as signed in on a connection. */
const uidOf = async (live: { frame(type: number): Promise<{ data?: { uid: number } }> }) =>
  (await live.frame(Push.LOGIN_SUCCESS)).data?.uid;

describe("ways to bring a token", () => {
  test("GW-5: in the query", async () => {
    expect(await uidOf(await server.connect({ token: ann.token, by: "query" }))).toBe(ann.uid);
  });

  test("GW-5: as a subprotocol, beside `parley` or alone", async () => {
    const both = await server.connect({ protocols: ["parley", ann.token] });
    const alone = await server.connect({ protocols: [ann.token] });
    expect([both.protocol, alone.protocol]).toEqual(["parley", ann.token]);
    expect([await uidOf(both), await uidOf(alone)]).toEqual([ann.uid, ann.uid]);
  });

  test("GW-5: the query decides before the subprotocol, even when its token is not valid", async () => {
    const live = await server.connect({ path: `/ws?token=${ann.token}`, protocols: ["parley", ben.token] });
    expect(await uidOf(live)).toBe(ann.uid);
    const bad = await server.connect({ path: "/ws?token=pl_no", protocols: ["parley", ben.token] });
    await bad.frame(Push.INVALIDATE_TOKEN);
    await bad.echo();
    expect(bad.of(Push.LOGIN_SUCCESS)).toEqual([]);
  });

  test.each([
    ["parley, TOKEN", "parley"],
    ["parley", "parley"],
    ["TOKEN", "TOKEN"],
  ])("GW-6: subprotocol %p is answered %p", async (offer, answer) => {
    const header = { "Sec-WebSocket-Protocol": offer.replace("TOKEN", ann.token) };
    const reply = await exchange(Number(new URL(server.url).port), handshakeText(header));
    const protocol = reply.headers.get("sec-websocket-protocol");
    expect([reply.status, protocol]).toEqual([101, answer.replace("TOKEN", ann.token)]);
  });

  test.each([
    ["an object", (token: string) => ({ token })],
    ["JSON text", (token: string) => JSON.stringify({ token })],
  ])("GW-7: AUTHORIZE with %s", async (_, data) => {
    const live = await server.connect();
    live.send({ type: Command.AUTHORIZE, data: data(ben.token) });
    expect(await uidOf(live)).toBe(ben.uid);
    expect((await live.frame(Push.LOGIN_SUCCESS)).data).toEqual({
      uid: ben.uid,
      name: "ben",
      avatar: "",
      token: ben.token,
      power: 0,
    });
  });
});

describe("tokens that are not valid", () => {
  test.each([
    ["in the query", { path: "/ws?token=pl_wrong", protocols: [] }],
    ["as a subprotocol", { protocols: ["parley", "pl_wrong"] }],
    ["of a right form", { protocols: ["parley", `pl_${"A".repeat(43)}`] }],
  ])("GW-8: %s, it is named and the connection stays, anonymous", async (_, options) => {
    const live = await server.connect(options);
    await live.frame(Push.INVALIDATE_TOKEN);
    await live.echo();
    expect(live.of(Push.ERROR)[0]?.data.code).toBe("unauthorized");
    live.send({ type: Command.AUTHORIZE, data: { token: ann.token } });
    expect(await uidOf(live)).toBe(ann.uid);
  });

  test("GW-8: with AUTHORIZE too, more than once", async () => {
    const live = await server.connect();
    for (const token of ["pl_1", "pl_2"]) live.send({ type: Command.AUTHORIZE, data: { token } });
    await live.until(() => live.of(Push.INVALIDATE_TOKEN).length === 2, "two refusals");
    live.send({ type: Command.AUTHORIZE, data: { token: ben.token } });
    expect(await uidOf(live)).toBe(ben.uid);
  });

  test.each([
    ["no token", {}],
    ["an empty one", { token: "" }],
    ["a number", { token: 5 }],
    ["text that is not JSON", "token"],
    ["a list", [1]],
  ])("GW-7: AUTHORIZE with %s is a broken frame", async (_, data) => {
    const live = await server.connect();
    live.send({ type: Command.AUTHORIZE, data });
    expect((await live.frame(Push.ERROR)).data).toMatchObject({ code: "invalid", requestType: Command.AUTHORIZE });
  });
});

test("GW-9: a connection that is signed in keeps its user: tokens of others and wrong ones change nothing", async () => {
  const live = await server.live(ann);
  for (const token of [ben.token, "pl_wrong", ben.token]) live.send({ type: Command.AUTHORIZE, data: { token } });
  await live.until(() => live.of(Push.ERROR).length === 3, "three errors");
  expect(live.of(Push.ERROR).map(({ data }) => data.code)).toEqual(["conflict", "unauthorized", "conflict"]);
  expect(live.of(Push.LOGIN_SUCCESS)).toHaveLength(1);
  expect(live.of(Push.INVALIDATE_TOKEN)).toEqual([]);
});

test("GW-9: with another token of its user a connection goes on as that token's login", async () => {
  const eda = await server.person("eda");
  const { body } = await server.api.call<{ token: string }>("POST", "/logins", { name: "eda", password: PASSWORD });
  const live = await server.live(eda);
  const before = live.frames.length;
  live.send({ type: Command.AUTHORIZE, data: { token: body.token } });
  await live.until(() => live.of(Push.LOGIN_SUCCESS).length === 2, "the second LOGIN_SUCCESS");
  const later = live.frames.slice(before).filter(({ type }) => type !== Push.ONLINE_OFFLINE_NOTIFY);
  expect(later).toEqual([{ type: Push.LOGIN_SUCCESS, data: expect.objectContaining({ token: body.token }) }]);
  // The connection no longer ends when the first login ends, but when the second one does.
  const first = await server.live(eda);
  await eda.api.ok("DELETE", "/logins/current");
  await first.ended();
  await live.echo();
  await new ApiClient(server.url, body.token).ok("DELETE", "/logins/current");
  expect((await live.ended()).code).toBe(4001);
});

test("GW-9: no token is in the log", async () => {
  const loud = await TestServer.start({ LOG_LEVEL: "trace" });
  try {
    const cai = await loud.person("cai");
    await loud.live(cai, { by: "query" });
    await loud.live(cai, { by: "protocol" });
    const live = await loud.connect();
    live.send({ type: Command.AUTHORIZE, data: { token: cai.token } });
    await live.frame(Push.RED_DOT);
    expect(loud.log.length).toBeGreaterThan(0);
    expect(loud.log.filter((line) => line.includes(cai.token.slice(3)))).toEqual([]);
  } finally {
    await loud.stop();
  }
});
