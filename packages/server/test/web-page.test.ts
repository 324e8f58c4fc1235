import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import type { Page } from "playwright-core";
import { say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, fill, live, loginUrlOf, PASSWORD, PageBrowser, SLOW_MS, submit, write } from "./page-browser.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("the page, in a browser", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  async function register(page: Page, name: string): Promise<void> {
    await page.getByRole("button", { name: "Register" }).click();
    await fill(page, name, PASSWORD);
    await page.getByRole("button", { name: "Create account" }).click();
    await live(page);
  }

  test(
    "one registers, a second window is signed in by its QR code, both see what is said, and a recall",
    async () => {
      const ann = await browser.open();
      await register(ann, "Ann Register");
      const other = await browser.open();
      const code = await loginUrlOf(other);
      expect(new URL(code).origin).toBe(server.url);

      const phone = await browser.open(code, { from: ann });
      await phone.getByText("It will be signed in as Ann Register.").waitFor();
      expect(await phone.locator(".facts").innerText()).toMatch(/Chrome \d+ on Linux[\s\S]*127\.0\.0\.1/);
      await other.getByText("Scanned. Now confirm on the other device.").waitFor();
      await phone.getByRole("button", { name: "Confirm" }).click();
      await phone.getByText("The other device is signed in. You can close this window.").waitFor();
      await phone.close();
      await live(other);

      await write(ann, "hello from the first");
      await bubble(other, "hello from the first").waitFor();
      await write(other, "hello from the second");
      await bubble(ann, "hello from the second").waitFor();

      await bubble(ann, "hello from the first").hover();
      await ann.locator(".row", { hasText: "hello from the first" }).getByRole("button", { name: "Recall" }).click();
      for (const page of [ann, other]) await page.getByText("You recalled this message").waitFor();
      expect(await other.content()).not.toContain("hello from the first");

      await other.reload();
      await live(other);
      await bubble(other, "hello from the second").waitFor();
      expect(await other.locator(".bubble").count()).toBe(2);
    },
    SLOW_MS,
  );

  test(
    "a wrong password and a name that is taken are said plainly",
    async () => {
      await server.person("Taken");
      const page = await browser.open();
      await fill(page, "Taken", "not the password");
      await submit(page);
      await page.getByText("The name or the password is wrong.").waitFor();
      await page.getByRole("button", { name: "Register" }).click();
      await fill(page, "taken", PASSWORD);
      await submit(page);
      await page.getByText("This name is taken.").waitFor();
      await fill(page, "somebody else", "short");
      await submit(page);
      await page.getByText(/^Password must/).waitFor();
    },
    SLOW_MS,
  );

  test(
    "a person who opens a code without being signed in signs in there and goes on; a rejected code is replaced",
    async () => {
      const bob = await server.person("Bob Phone");
      const asking = await browser.open();
      const code = await loginUrlOf(asking);
      const phone = await browser.open(code);
      await fill(phone, bob.name, PASSWORD);
      await submit(phone);
      await phone.getByRole("button", { name: "Reject" }).click();
      await phone.getByText("Nobody was signed in.").waitFor();
      const next = await asking.waitForFunction((old) => {
        const url = document.querySelector<HTMLElement>("[data-login-url]")?.dataset.loginUrl;
        return url !== undefined && url !== old ? url : undefined;
      }, code);
      expect(await next.jsonValue()).toStartWith(`${server.url}/qr/`);
      await asking.getByText("Scan this code").waitFor();

      const again = await browser.open(code, { from: phone });
      await again.getByText("This code has already been used or rejected.").waitFor();
    },
    SLOW_MS,
  );

  test(
    "signing out ends the login, here and in the other windows of this browser",
    async () => {
      const cora = await server.person("Cora");
      const page = await browser.signedIn(cora);
      const second = await browser.open("/", { from: page });
      await live(second);
      const token = await page.evaluate(() => JSON.parse(localStorage.getItem("parley.login") ?? "{}").token);
      const ended = page.waitForResponse((response) => response.url().endsWith("/logins/current"));
      await page.getByRole("button", { name: "Sign out" }).click();
      await page.getByLabel("Password").waitFor();
      await second.getByLabel("Password").waitFor();
      expect((await ended).status()).toBe(204);
      const me = await fetch(`${server.url}/api/v1/me`, { headers: { Authorization: `Bearer ${token}` } });
      expect(me.status).toBe(401);
    },
    SLOW_MS,
  );

  test(
    "ID-41, ID-15: a person changes their password, which signs out the other device, and deletes their account",
    async () => {
      const emma = await server.person("Emma");
      const page = await browser.signedIn(emma);
      await page.getByRole("button", { name: "Account" }).click();
      const next = "another long password";
      const change = async (present: string) => {
        await page.getByLabel("Current password").fill(present);
        await page.getByLabel("New password").fill(next);
        await page.getByRole("button", { name: "Change password" }).click();
      };
      await page.getByLabel("Sign out on my other devices").check();
      await change("not the password");
      await page.getByText("The password is wrong.").waitFor();
      await change(PASSWORD);
      await page.getByText("Your password was changed.").waitFor();
      expect((await emma.api.call("GET", "/me")).status).toBe(401);
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByLabel("Current password").waitFor({ state: "detached" });
      await page.getByRole("button", { name: "Account" }).click();
      await page.getByLabel("Your password").fill(next);
      await page.getByRole("button", { name: "Delete account" }).click();
      await page.getByText("Your account was deleted.").waitFor();
      const again = await server.api.call("POST", "/logins", { name: "Emma", password: next });
      expect(again.status).toBe(401);
    },
    SLOW_MS,
  );

  test(
    "a login that is ended elsewhere ends the page, which says so",
    async () => {
      const dora = await server.person("Dora");
      const page = await browser.signedIn(dora);
      await dora.api.ok("DELETE", "/logins");
      await page.getByText("You were signed out.").waitFor();
      await page.reload();
      await page.getByLabel("Password").waitFor();
    },
    SLOW_MS,
  );

  test(
    "earlier messages come on demand, and a person who reads them stays where they are when new ones come",
    async () => {
      const fay = await server.person("Fay");
      for (let at = 0; at < 60; at++) await say(fay, HALL_ROOM_ID, `line ${at}`);
      const page = await browser.signedIn(fay);
      await bubble(page, "line 59").waitFor();
      expect(await bubble(page, "line 0").count()).toBe(0);
      await page.getByRole("button", { name: "Show earlier messages" }).click();
      await bubble(page, "line 0").waitFor({ state: "attached" });
      await bubble(page, "line 20").scrollIntoViewIfNeeded();
      const before = await bubble(page, "line 20").boundingBox();
      const gus = await server.person("Gus");
      await say(gus, HALL_ROOM_ID, "news");
      await page.getByRole("button", { name: "1 new message" }).waitFor();
      expect(await bubble(page, "line 20").boundingBox()).toEqual(before);
      await page.getByRole("button", { name: "1 new message" }).click();
      await bubble(page, "news").waitFor();
      await page.getByRole("button", { name: "new message" }).waitFor({ state: "hidden" });
    },
    SLOW_MS,
  );

  test(
    "on a phone nothing is wider than the screen, and the QR code is there when asked for",
    async () => {
      const hal = await server.person("Hal of the thirty-two characters");
      await say(hal, HALL_ROOM_ID, `${"long".repeat(80)} ${"and words ".repeat(30)}`);
      const page = await browser.open("/", { viewport: { width: 360, height: 640 }, isMobile: true, hasTouch: true });
      expect(await page.locator(".qr").isVisible()).toBe(false);
      await page.getByRole("button", { name: "Show a QR code instead" }).click();
      await loginUrlOf(page);
      expect(await overflow(page)).toBe(0);
      await fill(page, hal.name, PASSWORD);
      await submit(page);
      await live(page);
      await bubble(page, "longlong").waitFor();
      expect(await overflow(page)).toBe(0);
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of, asked another host, or put a token into an address", () => {
    browser.expectQuiet();
  });
});

const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
