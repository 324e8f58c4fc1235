import { afterEach, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { needs } from "./needs.ts";
import { fill, live, PASSWORD, PageBrowser, SLOW_MS, submit } from "./page-browser.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("the way in", () => {
  let browser: PageBrowser | undefined;
  afterEach(() => browser?.close(), SLOW_MS);

  async function start(settings: { REGISTRATION?: string } = {}): Promise<PageBrowser> {
    browser = await PageBrowser.start(executablePath ?? "", settings);
    return browser;
  }

  const tabs = (page: Page) => page.locator(".tabs button").allInnerTexts();
  const button = (page: Page) => page.locator("form button[type=submit]").innerText();

  test(
    "ID-1: while nobody has an account registering comes first, also from a QR code's address, and then signing in does",
    async () => {
      const { server } = await start();
      const page = (await browser?.open()) as Page;
      expect([await tabs(page), await button(page)]).toEqual([["Register", "Sign in"], "Create account"]);
      const qr = (await browser?.open("/qr/AiYc7vRgVfNZwl3LV_3NNQ")) as Page;
      expect(await button(qr)).toBe("Create account");
      await fill(page, "Ann", PASSWORD);
      await submit(page);
      await live(page);
      expect((await server.api.call("POST", "/logins", { name: "Ann", password: PASSWORD })).status).toBe(201);
      await page.getByRole("button", { name: "Sign out" }).click();
      expect([await tabs(page), await button(page)]).toEqual([["Sign in", "Register"], "Sign in"]);
      await page.reload();
      expect([await tabs(page), await button(page)]).toEqual([["Sign in", "Register"], "Sign in"]);
      await fill(page, "Ann", PASSWORD);
      await submit(page);
      await live(page);
    },
    SLOW_MS,
  );

  test(
    "ID-1: where registration is closed the page does not offer it",
    async () => {
      await start({ REGISTRATION: "closed" });
      const page = (await browser?.open()) as Page;
      expect([await tabs(page), await button(page)]).toEqual([[], "Sign in"]);
      expect(await page.content()).not.toContain("Register");
    },
    SLOW_MS,
  );
});
