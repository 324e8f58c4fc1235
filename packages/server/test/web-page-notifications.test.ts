import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { needs } from "./needs.ts";
import { PageBrowser, SLOW_MS } from "./page-browser.ts";
import { type Door, openDoor } from "./server-door.ts";

const executablePath = needs("chromium");
const HOSTILE = "<img src=x><b>hi";

const dotOf = (page: Page) => page.getByRole("button", { name: "Notifications" }).locator(".dot");

describe.skipIf(!executablePath)("notifications on the page, in a browser", () => {
  let browser: PageBrowser;
  let door: Door;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    door = await openDoor(browser.server, "product");
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "a dot tells of what the product says; it goes when the list is shown, on all devices; one is read, one removed, one settled",
    async () => {
      const ann = await browser.server.person("Ann");
      const [page, other] = [await browser.signedIn(ann), await browser.signedIn(ann)];
      const notify = (title: string, more: object = {}) =>
        door.ok("POST", "/notifications", { to: { users: [ann.uid] }, kind: "order", title, text: HOSTILE, ...more });
      await notify("Shipped", { link: "https://shop.example/7" });
      await notify("Approve this", { key: "7" });
      await notify(`${HOSTILE} title`);
      for (const one of [page, other]) await dotOf(one).filter({ hasText: "3" }).waitFor();

      await page.getByRole("button", { name: "Notifications" }).click();
      await page.locator(".notification.unread").nth(2).waitFor();
      for (const one of [page, other]) await dotOf(one).waitFor({ state: "hidden" });
      expect(await page.locator(".notification h3").allInnerTexts()).toEqual([
        `${HOSTILE} title`,
        "Approve this",
        "Shipped",
      ]);
      expect(await page.getByRole("link", { name: "Open" }).getAttribute("href")).toBe("https://shop.example/7");
      await page.getByRole("button", { name: "Mark as read: Shipped" }).click();
      await page.locator(".notification.unread").nth(2).waitFor({ state: "detached" });
      await door.ok("PUT", "/notifications/order/7/done");
      await page.locator(".notification.unread").nth(1).waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Remove: Approve this" }).click();
      await page.locator(".notification").nth(2).waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Mark all as read" }).click();
      await page.locator(".notification.unread").waitFor({ state: "detached" });
      expect(await page.locator("dialog img").count()).toBe(0);
      await page.getByRole("button", { name: "Close" }).click();

      await notify("A moment only", { ttl: 8 });
      await dotOf(page).filter({ hasText: "1" }).waitFor();
      await page.getByRole("button", { name: "Notifications" }).click();
      await page.locator(".notification", { hasText: "A moment only" }).waitFor();
      await page.locator(".notification", { hasText: "A moment only" }).waitFor({ state: "detached" });
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of", () => {
    browser.expectQuiet();
  });
});
