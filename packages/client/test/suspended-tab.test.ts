import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { roomStream } from "@parley/protocol";
import { type Person, say } from "../../server/test/harness.ts";
import { needs } from "../../server/test/needs.ts";
import { PageBrowser, SLOW_MS } from "../../server/test/page-browser.ts";
import { TIMING } from "../src/lib/timing.ts";
import { ProductSite, type Tab } from "./rig/product-site.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("in a browser that suspends a tab", () => {
  let browser: PageBrowser;
  let site: ProductSite;
  let ann: Person;

  beforeAll(async () => {
    site = await ProductSite.open();
    browser = await PageBrowser.start(executablePath ?? "", { HALL: "off", ALLOWED_ORIGINS: site.origin });
    ann = await browser.server.person("ann");
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    await site?.close();
  }, SLOW_MS);

  /** Stops everything that a tab does, as a browser or a system does to save power. @returns the function that wakes it */
  async function suspend({ page }: Tab): Promise<() => Promise<unknown>> {
    const session = await page.context().newCDPSession(page);
    const paused = new Promise<void>((resolve) => session.once("Debugger.paused", () => resolve()));
    await session.send("Debugger.enable");
    await session.send("Debugger.pause");
    // The tab stops at the next thing that it does.
    await paused;
    return () => session.send("Debugger.disable");
  }

  test(
    "SDK-60: when the tab with the connection is suspended, the one that is looked at has it within 5 s, and what came meanwhile",
    async () => {
      const ben = await browser.server.person("Ben Frozen");
      const room = await browser.server.room(ann, [ben]);
      const profile = site.profile(browser);
      const options = { url: browser.server.url, token: ben.token };
      const first = await profile.tab(options);
      await first.live("websocket");
      const second = await profile.tab(options);
      await second.live("tab");
      await say(ann, room, "one");
      for (const tab of [first, second]) await tab.said("one");
      const wake = await suspend(first);
      await say(ann, room, "two");
      // Three questions without an answer are enough; those of a tab that is hidden would take half a minute.
      expect(4 * TIMING.tabPingMs).toBeLessThan(5_000);
      await second.said("two");
      await second.live("websocket");
      await wake();
      await first.live("tab");
      await say(ann, room, "three");
      for (const tab of [first, second]) {
        await tab.said("three");
        const texts = (await tab.seen(roomStream(room))).map((line) => line.split(" ").at(-1));
        expect(texts).toEqual(["one", "two", "three"]);
      }
      await profile.close();
    },
    SLOW_MS,
  );
});
