import { afterAll, beforeAll, expect, test } from "bun:test";
import { needs } from "./needs.ts";
import { live, PageBrowser, SLOW_MS } from "./page-browser.ts";

const executablePath = needs("chromium");
let browser: PageBrowser;
beforeAll(async () => {
  if (executablePath) browser = await PageBrowser.start(executablePath, { HALL: "off" });
}, SLOW_MS);
afterAll(() => browser?.close(), SLOW_MS);

test.skipIf(!executablePath)(
  "where there is no hall the page says so, and offers nothing to write in",
  async () => {
    const page = await browser.signedIn(await browser.server.person("Lee"));
    await live(page);
    await page.getByText("This server has no hall.").waitFor();
    expect(await page.getByLabel("Message", { exact: true }).isVisible()).toBe(false);
  },
  SLOW_MS,
);
