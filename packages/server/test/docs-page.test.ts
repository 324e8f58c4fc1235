import { afterAll, beforeAll, test } from "bun:test";
import { needs } from "./needs.ts";
import { PageBrowser, SLOW_MS } from "./page-browser.ts";

const executablePath = needs("chromium");

let browser: PageBrowser;
beforeAll(async () => {
  if (executablePath) browser = await PageBrowser.start(executablePath);
}, SLOW_MS);
afterAll(() => browser?.close(), SLOW_MS);

test.skipIf(!executablePath)(
  "HTTP-12: /docs shows the routes in a browser, without a request to any other host or a breach of its own policy",
  async () => {
    const page = await browser.open("/docs");
    await page.locator(".opblock-get", { hasText: "/api/v1/rooms/{id}" }).first().click();
    await page.getByRole("button", { name: "Try it out" }).click();
    await page.getByPlaceholder("id").fill("1");
    await page.getByRole("button", { name: "Execute" }).click();
    await page.getByText("Server response").waitFor();
    browser.expectQuiet();
  },
  SLOW_MS,
);
