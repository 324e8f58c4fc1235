import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { needs } from "../../server/test/needs.ts";
import { bubble, fill, live, PASSWORD, PageBrowser, SLOW_MS, submit, write } from "../../server/test/page-browser.ts";
import { range } from "../../server/test/transports/stage.ts";
import { Door } from "./rig/door.ts";
import "./rig/product-site.ts";

const executablePath = needs("chromium");

/** The number of connections that browsers open to one server, at most. */
const CONNECTIONS = 6;

describe.skipIf(!executablePath)("many windows on a name of the local network, without WebSocket", () => {
  let browser: PageBrowser;
  let door: Door;
  let url: string;

  beforeAll(async () => {
    const args = ["--host-resolver-rules=MAP parley.lan 127.0.0.1"];
    browser = await PageBrowser.start(executablePath ?? "", { HALL: "off" }, args);
    door = await Door.open(browser.server.url);
    door.treated.set("websocket", "refuse");
    url = `http://parley.lan:${new URL(door.url).port}/`;
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    door?.close();
  }, SLOW_MS);

  /** A window that has loaded, in a new browser or in that of another window. */
  async function window(from?: Page): Promise<Page> {
    const page = await browser.open(url, from ? { from } : {});
    expect(await page.evaluate(() => isSecureContext)).toBe(false);
    return page;
  }

  /** Looks again until it is so: a window that is slow to answer may lose its place to another one, and has none or a second one for a moment. */
  async function becomes(wanted: unknown, look: () => unknown): Promise<void> {
    const deadline = performance.now() + 15_000;
    for (let is = await look(); !Bun.deepEquals(is, wanted); is = await look()) {
      if (performance.now() > deadline) return expect(is).toEqual(wanted);
      await Bun.sleep(50);
    }
  }
  const streams = () => door.carrying("sse");

  test(
    "SDK-60: they share one connection, the seventh loads and sends, and another takes over when the first is closed",
    async () => {
      const [ann, ben] = [await browser.server.person("Ann Lan"), await browser.server.person("Ben Lan")];
      await browser.server.room(ann, [ben], "The office");
      const first = await window();
      await fill(first, "Ann Lan", PASSWORD);
      await submit(first);
      await live(first);
      const windows = [first];
      for (const _ of range(1, CONNECTIONS)) {
        windows.push(await window(first));
        await live(windows.at(-1) as Page);
      }
      for (const page of windows) await page.getByText("The office").first().click();
      const seventh = windows.at(-1) as Page;
      await write(seventh, "from the seventh");
      for (const page of windows) await bubble(page, "from the seventh").waitFor();
      await becomes(1, streams);
      await first.close();
      await write(seventh, "after the first");
      for (const page of windows.slice(1)) await bubble(page, "after the first").waitFor();
      await becomes(1, streams);
      await seventh.context().close();
    },
    2 * SLOW_MS,
  );

  test(
    "SDK-63: where they cannot share, four keep a connection and the others ask again and again, so requests are answered",
    async () => {
      const first = await window();
      const windows = [first];
      for (const at of range(1, CONNECTIONS + 1)) {
        const page = at === 1 ? first : await window(first);
        if (at > 1) windows.push(page);
        const person = await browser.server.person(`Cat Lan ${at}`);
        await page.addScriptTag({ url: "/parley-client.js" });
        await page.evaluate((token) => {
          globalThis.client = Parley.createClient({ url: "/", token, tabs: false, worker: null });
          client.start();
        }, person.token);
        await page.waitForFunction(() => client.state.kind === "live");
      }
      const by = async () => {
        const transports = windows.map((page) =>
          page.evaluate(() => ("transport" in client.state ? client.state.transport : "")),
        );
        return (await Promise.all(transports)).toSorted().join();
      };
      await becomes("short-poll,short-poll,short-poll,sse,sse,sse,sse", by);
      for (const page of windows) {
        expect(await page.evaluate(async () => (await client.request("GET /me")).name)).toStartWith("Cat Lan");
      }
      await first.context().close();
    },
    2 * SLOW_MS,
  );
});
