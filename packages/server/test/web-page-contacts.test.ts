import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import type { TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, PageBrowser, SLOW_MS, write } from "./page-browser.ts";

const executablePath = needs("chromium");
const HOSTILE = "<img src=x><b>hi";

const dotOf = (page: Page) => page.getByRole("button", { name: "Friends" }).locator(".dot");

describe.skipIf(!executablePath)("friends on the page, in a browser", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "STO-12: one asks with a few words, the other one sees a dot, reads and accepts; both see a friend, and write to them",
    async () => {
      const [eva, fay] = [await server.person(`${HOSTILE} Eva`), await server.person("Fay")];
      const [evas, fays] = [await browser.signedIn(eva), await browser.signedIn(fay)];
      await evas.getByRole("button", { name: "Friends" }).click();
      await evas.getByText("Nobody yet.").waitFor();
      await evas.getByLabel("Find people by name").fill("fa");
      await evas.locator(".found .person", { hasText: "Fay" }).click();
      await evas.getByLabel("Message (optional)").fill(`${HOSTILE} there`);
      await evas.getByRole("button", { name: "Send friend request" }).click();
      await evas.locator(".request", { hasText: "has not answered yet" }).waitFor();

      await dotOf(fays).filter({ hasText: "1" }).waitFor();
      await fays.getByRole("button", { name: "Friends" }).click();
      const request = fays.locator(".request", { hasText: "wants to be friends" });
      expect(await request.locator(".request-text").innerText()).toBe(`${HOSTILE} there`);
      await dotOf(fays).waitFor({ state: "hidden" });
      await request.getByRole("button", { name: "Accept" }).click();
      await fays.locator(".friend", { hasText: `${HOSTILE} Eva` }).waitFor();
      expect(await fays.locator("dialog img").count()).toBe(0);

      const friend = evas.locator(".friend", { hasText: "Fay" });
      await friend.getByText("online").waitFor();
      await friend.locator(".person").click();
      await evas.locator("h1", { hasText: "Fay" }).waitFor();
      await write(evas, "friends!");
      await fays.getByRole("button", { name: "Close" }).click();
      await fays.locator(".room-row", { hasText: "friends!" }).click();
      await bubble(fays, "friends!").waitFor();
    },
    SLOW_MS,
  );

  test(
    "a request is withdrawn and another one rejected, and a friend removed",
    async () => {
      const [gil, hal] = [await server.person("Gil"), await server.person("Hal")];
      const page = await browser.signedIn(gil);
      await page.getByRole("button", { name: "Friends" }).click();
      const { id } = await gil.api.ok<{ id: number }>("POST", "/friend-requests", { userId: hal.uid });
      await page.getByRole("button", { name: "Withdraw: Hal" }).click();
      await page.locator(".request").waitFor({ state: "detached" });
      expect(id).toBeGreaterThan(0);
      await hal.api.ok("POST", "/friend-requests", { userId: gil.uid, text: "hi" });
      await page.getByRole("button", { name: "Reject: Hal" }).click();
      await page.locator(".request").waitFor({ state: "detached" });
      const again = await gil.api.ok<{ id: number }>("POST", "/friend-requests", { userId: hal.uid });
      await hal.api.ok("POST", `/friend-requests/${again.id}/accept`);
      await page.getByRole("button", { name: "Remove Hal" }).click();
      await page.locator(".friend").waitFor({ state: "detached" });
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of", () => {
    browser.expectQuiet();
  });
});
