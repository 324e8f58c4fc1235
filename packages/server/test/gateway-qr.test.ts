import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Command, HALL_ROOM_ID, Push } from "@parley/protocol";
import { ManualClock } from "../src/lib/clock.ts";
import { type Person, say, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";

const clock = new ManualClock();
let server: TestServer;
let phone: Person;
beforeAll(async () => {
  server = await TestServer.start({}, { clock });
  phone = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

/** The code of the newest LOGIN_URL; waits for the `count`th. */
async function codeOf(screen: LiveClient, count = 1): Promise<string> {
  await screen.until(() => screen.of(Push.LOGIN_URL).length >= count, `LOGIN_URL number ${count}`);
  return new URL(screen.of(Push.LOGIN_URL)[count - 1]?.data.loginUrl).pathname.split("/").at(-1) as string;
}

const act = (code: string, what: "scan" | "confirm" | "reject") => phone.api.ok("POST", `/qr-logins/${code}/${what}`);

describe("signing in by QR code on a connection", () => {
  test("GW-54: LOGIN, LOGIN_URL, LOGIN_SCAN_SUCCESS, LOGIN_SUCCESS and all that follows come on the same one", async () => {
    const screen = await server.connect();
    screen.send({ type: Command.LOGIN });
    const code = await codeOf(screen);
    const shown = screen.of(Push.LOGIN_URL)[0]?.data;
    expect(shown.expiresAt).toBe(clock.now() + 60_000);
    expect(shown.loginUrl).toStartWith(`${server.url}/`);
    await act(code, "scan");
    expect(await screen.frame(Push.LOGIN_SCAN_SUCCESS)).toEqual({ type: Push.LOGIN_SCAN_SUCCESS });
    await act(code, "confirm");
    const { data } = await screen.frame(Push.LOGIN_SUCCESS);
    expect(data).toMatchObject({ uid: phone.uid, name: "ann", power: 0 });
    await screen.frame(Push.RED_DOT);
    await say(phone, HALL_ROOM_ID, "hello");
    await screen.frame(Push.MESSAGE);
    const order = screen.frames.map(({ type }) => type).filter((type) => type !== Push.ONLINE_OFFLINE_NOTIFY);
    expect(order).toEqual([
      Push.LOGIN_URL,
      Push.LOGIN_SCAN_SUCCESS,
      Push.LOGIN_SUCCESS,
      Push.READY,
      Push.RED_DOT,
      Push.MESSAGE,
    ]);
    // The token belongs to a separate login.
    expect(data.token).not.toBe(phone.token);
    const again = await server.connect({ token: data.token });
    expect((await again.frame(Push.LOGIN_SUCCESS)).data.uid).toBe(phone.uid);
  });

  test("GW-54: with ?resume=1 nothing logged comes before RESUME", async () => {
    const screen = await server.connect({ path: "/ws?resume=1" });
    screen.send({ type: Command.LOGIN });
    const code = await codeOf(screen);
    await act(code, "scan");
    await act(code, "confirm");
    await screen.frame(Push.RED_DOT);
    await say(phone, HALL_ROOM_ID, "not yet");
    await screen.echo();
    expect(screen.of(Push.MESSAGE)).toEqual([]);
    screen.send({ type: Command.RESUME, data: {} });
    await screen.frame(Push.CURSOR, ({ data }) => data.live);
    expect(screen.of(Push.MESSAGE)).toHaveLength(1);
  });

  test("GW-55: LOGIN is taken once in 5 s, and not from who is signed in", async () => {
    const screen = await server.connect();
    screen.send({ type: Command.LOGIN });
    await codeOf(screen);
    screen.send({ type: Command.LOGIN });
    expect((await screen.frame(Push.ERROR)).data).toMatchObject({ code: "rate_limited", requestType: Command.LOGIN });
    clock.advance(4999);
    screen.send({ type: Command.LOGIN });
    await screen.until(() => screen.of(Push.ERROR).length === 2, "the second refusal");
    clock.advance(1);
    screen.send({ type: Command.LOGIN });
    const second = await codeOf(screen, 2);
    await act(second, "scan");
    await act(second, "confirm");
    await screen.frame(Push.RED_DOT);
    screen.send({ type: Command.LOGIN });
    await screen.until(() => screen.of(Push.ERROR).length === 3, "the third refusal");
    expect(screen.of(Push.ERROR)[2]?.data).toMatchObject({ code: "conflict", requestType: Command.LOGIN });
  });

  test("GW-56: a code that is rejected is replaced at once, and the new one works", async () => {
    const screen = await server.connect();
    screen.send({ type: Command.LOGIN });
    const first = await codeOf(screen);
    await act(first, "scan");
    await act(first, "reject");
    const second = await codeOf(screen, 2);
    expect(second).not.toBe(first);
    await act(second, "scan");
    await act(second, "confirm");
    expect((await screen.frame(Push.LOGIN_SUCCESS)).data.uid).toBe(phone.uid);
  });

  test("GW-57: the first way in counts: after AUTHORIZE a confirmed code changes nothing", async () => {
    const other = await server.person("ben");
    const screen = await server.connect();
    screen.send({ type: Command.LOGIN });
    const code = await codeOf(screen);
    screen.send({ type: Command.AUTHORIZE, data: { token: other.token } });
    await screen.frame(Push.RED_DOT);
    await act(code, "scan");
    await act(code, "confirm");
    await screen.echo();
    expect(screen.of(Push.LOGIN_SUCCESS).map(({ data }) => data.uid)).toEqual([other.uid]);
  });

  test("GW-57: the code of a connection that has gone signs nobody in", async () => {
    const screen = await server.connect();
    screen.send({ type: Command.LOGIN });
    const code = await codeOf(screen);
    await act(code, "scan");
    const logins = async () => (await phone.api.ok<{ items: unknown[] }>("GET", "/logins")).items.length;
    const before = await logins();
    screen.close();
    await screen.ended();
    await act(code, "confirm");
    expect(await logins()).toBe(before);
  });
});
