import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { ManualClock } from "../../server/src/lib/clock.ts";
import { Stage } from "../../server/test/transports/stage.ts";
import type { ClientOptions } from "../src/options.ts";
import { answering } from "./rig/changed-fetch.ts";
import { Rig } from "./rig/rig.ts";
import type { WatchedClient } from "./rig/watched-client.ts";

const DAY = 86_400_000;

describe.each(["websocket", "sse", "long-poll", "short-poll"] as const)("a login of 30 days, by %s", (transport) => {
  const rig = new Rig();
  const clock = new ManualClock();
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open({ RATE_LIMITS: "off" }, { clock });
  }, 20_000);
  afterAll(() => stage.close());

  /** Asks until the current login ends at that time. */
  async function prolonged({ client }: WatchedClient, until: number): Promise<void> {
    for (let asked = 0; asked < 2_000; asked++) {
      const { items } = await client.request("GET /logins");
      if (items.find(({ current }) => current)?.expiresAt === until) return;
    }
    throw new Error("The login was not prolonged");
  }

  test("SDK-84: it goes on while it is used, under the same token, in every tab", async () => {
    const person = await stage.person();
    const room = await stage.room([person]);
    clock.advance(16 * DAY);
    const options: ClientOptions = { url: stage.server.url, token: person.token, transports: [transport] };
    const watched = rig.watch(options, { timing: { loginAgainMs: 20 } });
    await watched.live(transport);
    await prolonged(watched, clock.now() + 30 * DAY);
    // The first 30 days are over, and so is the 15th day of the new ones.
    clock.advance(20 * DAY);
    await watched.client.send(room, "on the 36th day");
    await watched.said(room, "on the 36th day");
    expect((await watched.client.request("GET /me")).uid).toBe(person.uid);
    expect(watched.client.token).toBe(person.token);
  });

  test("SDK-84: so does one that was signed in by name and password", async () => {
    const { name } = await stage.person();
    const login = { name, password: "a long password" };
    const options: ClientOptions = { url: stage.server.url, login, transports: [transport] };
    const watched = rig.watch(options, { timing: { loginAgainMs: 20 } });
    await watched.live(transport);
    const { token } = watched.client;
    watched.client.stop();
    clock.advance(16 * DAY);
    watched.client.start();
    await watched.live(transport);
    await prolonged(watched, clock.now() + 30 * DAY);
    expect(watched.client.token).toBe(token);
  });

  test("SDK-84: one whose tokens a function gives is left to the function", async () => {
    const person = await stage.person();
    clock.advance(16 * DAY);
    const asked: string[] = [];
    const options: ClientOptions = {
      url: stage.server.url,
      token: () => person.token,
      transports: [transport],
      fetch: answering((url) => void asked.push(url)),
    };
    const watched = rig.watch(options, { timing: { loginAgainMs: 1 } });
    await watched.live(transport);
    for (let turn = 0; turn < 10; turn++) await watched.client.request("GET /me");
    expect(asked.filter((url) => url.includes("refresh"))).toEqual([]);
  });
});
