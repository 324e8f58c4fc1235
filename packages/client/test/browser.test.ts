import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { ApiClient } from "../../server/test/api-client.ts";
import { type Person, say, TestServer } from "../../server/test/harness.ts";
import { needs } from "../../server/test/needs.ts";
import { PageBrowser, SLOW_MS } from "../../server/test/page-browser.ts";
import { range } from "../../server/test/transports/stage.ts";
import { Door } from "./rig/door.ts";
import { ProductSite, type Tab } from "./rig/product-site.ts";
import { Rig } from "./rig/rig.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("in a browser", () => {
  const rig = new Rig();
  let browser: PageBrowser;
  let site: ProductSite;
  let server: TestServer;
  let ann: Person;

  beforeAll(async () => {
    site = await ProductSite.open();
    browser = await PageBrowser.start(executablePath ?? "", settings());
    server = browser.server;
    ann = await server.person("ann");
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  }, SLOW_MS);

  const settings = () => ({ HALL: "off", ALLOWED_ORIGINS: site.origin });

  /** A room that a new person shares with ann, and that person's browser. */
  async function scene(name: string) {
    const person = await server.person(name);
    const room = await server.room(ann, [person]);
    const profile = site.profile(browser);
    const open = (more: object = {}, timing: object = {}): Promise<Tab> =>
      profile.tab({ url: server.url, token: person.token, ...more }, timing);
    return { room, open, profile, stream: roomStream(room) };
  }

  /** A worker that was closed stays in the list for a moment. */
  async function oldWorkersGo({ page }: Tab): Promise<void> {
    while (page.workers().length > 1) {
      await Promise.race(page.workers().map((worker) => worker.waitForEvent("close", { timeout: 10_000 })));
    }
  }

  function inOrder(lines: readonly string[], stream: string): void {
    const seqs = lines.map((line) => Number(/@(\d+) /.exec(line)?.[1]));
    expect(lines.every((line) => line.startsWith(stream))).toBe(true);
    expect(seqs).toEqual(range(seqs[0] as number, seqs.at(-1) as number));
  }

  test(
    "SDK-60: tabs share one connection, and each sees each event once and in order, also when the one that has it closes",
    async () => {
      const { room, open, profile, stream } = await scene("Ben Tabs");
      const first = await open();
      await first.live("websocket");
      const others = [await open(), await open()] as const;
      for (const tab of others) await tab.live("tab");
      let saying = true;
      let last = 0;
      const load = (async () => {
        while (saying) await say(ann, room, `text ${++last}`);
      })();
      for (const tab of [first, ...others]) await tab.said("text 20");
      await first.page.close();
      const late = await open();
      await late.live("tab");
      const joinedAt = last + 5;
      for (const tab of [...others, late]) await tab.said(`text ${joinedAt}`);
      saying = false;
      await load;
      await say(ann, room, "the end");
      for (const tab of [...others, late]) await tab.said("the end");
      for (const tab of others) {
        const lines = await tab.seen(stream);
        expect(lines[0]).toEndWith(" text 1");
        inOrder(lines, stream);
      }
      inOrder(await late.seen(stream), stream);
      const transports = await Promise.all([...others, late].map((tab) => tab.transport()));
      expect(transports.sort()).toEqual(["tab", "tab", "websocket"]);
      const sockets = [first, ...others, late].flatMap((tab) => tab.sockets);
      expect(sockets).toHaveLength(2);
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-60: a tab that comes with a cursor of its own gets what it missed, and what its own person sends goes over HTTP",
    async () => {
      const { room, open, profile, stream } = await scene("Cat Tabs");
      const first = await open();
      await first.live();
      await say(ann, room, "one");
      await first.said("one");
      const cursor = await first.page.evaluate(() => client.cursor);
      await say(ann, room, "two");
      await first.said("two");
      const second = await open({ cursor });
      await second.live("tab");
      await second.page.evaluate((room) => client.send(room, "three"), room);
      for (const tab of [first, second]) await tab.said("three");
      expect((await second.seen(stream)).map((line) => line.split(" ").at(-1))).toEqual(["two", "three"]);
      inOrder(await first.seen(stream), stream);
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-60: a revoked login stops all tabs; a stop in one lets another take over",
    async () => {
      const person = await server.person("Dan Tabs");
      const profile = site.profile(browser);
      const tabs: Tab[] = [];
      for (const _ of range(1, 3)) {
        tabs.push(await profile.tab({ url: server.url, token: person.token }));
        await tabs.at(-1)?.live();
      }
      await tabs[0]?.page.evaluate(() => client.stop());
      await Promise.any([tabs[1]?.live("websocket"), tabs[2]?.live("websocket")]);
      await person.api.ok("DELETE", "/logins");
      for (const tab of tabs.slice(1)) {
        await tab.page.waitForFunction(() => client.state.kind === "stopped" && client.state.why === "revoked");
      }
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-61: where tabs cannot share, each has its own connection",
    async () => {
      const { room, open, profile, stream } = await scene("Eve Alone");
      const tabs = [await open({ tabs: false }), await open({ tabs: false })];
      for (const tab of tabs) await tab.live("websocket");
      await say(ann, room, "to both");
      for (const tab of tabs) {
        await tab.said("to both");
        expect(await tab.seen(stream)).toHaveLength(1);
      }
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-61: a page in a sandbox, to which the browser refuses its locks, has its own connection",
    async () => {
      const person = await server.person("Hal Boxed");
      const door = rig.use(await Door.open(server.url));
      // The server accepts no page without an origin; a product that wants one puts a proxy in front of it.
      door.origin = site.origin;
      const profile = site.profile(browser);
      const tab = await profile.tab({ url: door.url, token: person.token, worker: null }, { path: "/sandboxed" });
      const refusal = await tab.page.evaluate(() =>
        navigator.locks.request("x", () => "granted").catch((error: Error) => error.name),
      );
      expect(refusal).toBe("SecurityError");
      await tab.live("websocket");
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-60: a tab that is started, stopped and started again, or anew by a handler of `revoked`, shares the connection",
    async () => {
      const person = await server.person("Ida Strict");
      const profile = site.profile(browser);
      const tabs = [await profile.tab({ url: server.url, token: person.token })];
      await tabs[0]?.live("websocket");
      tabs.push(await profile.tab({ url: server.url, token: person.token }));
      const second = tabs[1] as Tab;
      await second.live("tab");
      for (const waits of [0, 1, 2, 3]) {
        await second.page.evaluate(async (waits) => {
          client.stop();
          client.start();
          for (let turn = 0; turn < waits; turn++) await Promise.resolve();
          client.stop();
          client.start();
        }, waits);
        await second.live("tab");
      }
      expect(second.sockets).toEqual([]);
      await oldWorkersGo(second);

      await person.api.ok("DELETE", "/logins");
      for (const tab of tabs) {
        await tab.page.waitForFunction(() => client.state.kind === "stopped" && client.state.why === "revoked");
      }
      const signIn = { name: "Ida Strict", password: "a long password" };
      const signedIn = [0, 1].map(() => server.api.ok<{ token: string }>("POST", "/logins", signIn));
      const [one, other] = (await Promise.all(signedIn)) as [{ token: string }, { token: string }];
      for (const tab of tabs) {
        await tab.page.evaluate(
          ([one, other]) => {
            const end = client.on("state", ({ kind }) => {
              if (kind !== "stopped") return;
              end();
              client.start({ token: other });
            });
            client.start({ token: one });
          },
          [one.token, other.token] as const,
        );
        await tab.live();
      }
      await new ApiClient(server.url, one.token).ok("DELETE", "/logins/current");
      for (const tab of tabs) {
        await tab.page.waitForFunction((other) => client.token === other && client.state.kind === "live", other.token);
        await tab.page.waitForFunction(() => client.state.kind === "live");
      }
      const transports = await Promise.all(tabs.map((tab) => tab.transport()));
      expect(transports.sort()).toEqual(["tab", "websocket"]);
      // The worker that beats for them is still there.
      for (const tab of tabs) {
        await oldWorkersGo(tab);
        expect(tab.page.workers()).toHaveLength(1);
      }
      await profile.close();
    },
    SLOW_MS,
  );

  test(
    "SDK-62: a worker beats for a page; without its file the server is asked for patience",
    async () => {
      const { open, profile } = await scene("Fay Hidden");
      // This server closes what is silent for six seconds, and has it beat twelve times in that time.
      const strict = await TestServer.start({ ...settings(), HEARTBEAT_MS: "500", IDLE_MS: "6000" });
      const { token } = await strict.person("Fay Hidden");
      const tab = await open({ url: strict.url, token, tabs: false }, { asleep: true });
      await tab.live("websocket");
      expect(tab.page.workers().map((worker) => new URL(worker.url()).pathname)).toEqual(["/parley-heartbeat.js"]);
      expect(tab.sockets[0]).not.toContain("idle=");
      // The page's own timers might as well sleep. So many beats take longer than the time after which a silent connection is closed.
      await tab.page.waitForFunction(() => globalThis.beats > 18, undefined, { timeout: 40_000 });
      expect(await tab.transport()).toBe("websocket");
      expect(tab.sockets).toHaveLength(1);

      const sleepy = await open({ tabs: false, worker: `${site.origin}/not-there.js` });
      await sleepy.live("websocket");
      expect(sleepy.sockets[0]).toContain("idle=120");
      await profile.close();
      await strict.stop();
    },
    SLOW_MS,
  );

  test(
    "SDK-14: a page says at once that the network has gone, and has everything when it is back",
    async () => {
      const { room, open, profile, stream } = await scene("Gus Train");
      const tab = await open();
      await tab.live("websocket");
      await profile.setOffline(true);
      // Without the page's word for it, it would be noticed by a silence of 100 s.
      await tab.page.waitForFunction(() => client.state.kind === "waiting", undefined, { timeout: 40_000 });
      for (const text of ["one", "two"]) await say(ann, room, text);
      await profile.setOffline(false);
      await tab.live("websocket");
      await tab.said("two");
      inOrder(await tab.seen(stream), stream);
      await profile.close();
    },
    SLOW_MS,
  );

  test("SDK-62: no page had anything to complain of", () => {
    expect(browser.complaints.filter((text) => !/net::ERR_|404|401|WebSocket/.test(text))).toEqual([]);
  });
});
