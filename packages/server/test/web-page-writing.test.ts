import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import type { Page } from "playwright-core";
import { ApiClient } from "./api-client.ts";
import { say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, fill, live, PASSWORD, PageBrowser, SLOW_MS, submit } from "./page-browser.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("writing in the page", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  const box = (page: Page) => page.getByLabel("Message", { exact: true });
  const written = (page: Page) => box(page).inputValue();
  const signIn = async (page: Page, name: string, password = PASSWORD) => {
    await fill(page, name, password);
    await submit(page);
    await live(page);
  };

  test(
    "the Enter that confirms what an input method offers sends nothing, also where the browser has ended the composition before it",
    async () => {
      const page = await browser.signedIn(await server.person("Aiko"));
      await box(page).click();
      const devtools = await page.context().newCDPSession(page);
      const enter = (code: number) =>
        devtools.send("Input.dispatchKeyEvent", { type: "rawKeyDown", key: "Enter", windowsVirtualKeyCode: code });
      await devtools.send("Input.imeSetComposition", { text: "にほん", selectionStart: 3, selectionEnd: 3 });
      await enter(13);
      expect(await written(page)).toBe("にほん");
      await devtools.send("Input.insertText", { text: "日本" });
      // This is how Safari reports it.
      await enter(229);
      expect(await written(page)).toBe("日本");
      expect(await page.locator(".row").count()).toBe(0);
      await page.keyboard.press("Enter");
      await bubble(page, "日本").waitFor();
      expect(await page.locator(".row").count()).toBe(1);
      expect(await written(page)).toBe("");
    },
    SLOW_MS,
  );

  test(
    "what was written and not sent is there after a reload and after a sign-out elsewhere, for its writer alone, in its room",
    async () => {
      const [bea, cid] = [await server.person("Bea"), await server.person("Cid")];
      const room = await server.room(bea, [cid], "Plans");
      const page = await browser.signedIn(bea);
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      await box(page).fill("half a sentence");
      await page.getByRole("button", { name: "Plans" }).click();
      await page.getByRole("heading", { name: "Plans" }).waitFor();
      expect(await written(page)).toBe("");
      await box(page).fill("another half");
      await page.reload();
      await live(page);
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      expect(await written(page)).toBe("half a sentence");

      await bea.api.ok("DELETE", "/logins");
      await page.getByText("You were signed out.").waitFor();
      await signIn(page, "Cid");
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      expect(await written(page)).toBe("");
      await page.getByRole("button", { name: "Sign out" }).click();
      await signIn(page, "Bea");
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      expect(await written(page)).toBe("half a sentence");
      await box(page).press("Enter");
      await bubble(page, "half a sentence").waitFor();
      await page.getByRole("button", { name: "Plans" }).click();
      await page.getByRole("heading", { name: "Plans" }).waitFor();
      expect(await written(page)).toBe("another half");

      await page.reload();
      await live(page);
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      expect(await written(page)).toBe("");
      const drafts = () => page.evaluate(() => localStorage.getItem("parley.drafts"));
      expect(JSON.parse((await drafts()) ?? "")).toEqual([{ uid: bea.uid, roomId: room, text: "another half" }]);
      // The owner of a group cannot leave it.
      const again = await server.api.ok<{ token: string }>("POST", "/logins", { name: "Bea", password: PASSWORD });
      await new ApiClient(server.url, again.token).ok("DELETE", `/rooms/${room}`);
      await page.getByRole("button", { name: "Account" }).click();
      await page.getByLabel("Your password").fill(PASSWORD);
      await page.getByRole("button", { name: "Delete account" }).click();
      await page.getByText("Your account was deleted.").waitFor();
      expect(await drafts()).toBeNull();
    },
    SLOW_MS,
  );

  test(
    "a draft is what the person sees where the storage is broken, or full",
    async () => {
      const dee = await server.person("Dee");
      const page = await browser.signedIn(dee);
      for (const broken of ["{", "null", '{"a":1}', '[null, 5, {"uid": 1}]']) {
        await page.evaluate((text) => localStorage.setItem("parley.drafts", text), broken);
        await page.reload();
        await live(page);
        await page.getByRole("heading", { name: "Hall" }).waitFor();
        expect(await written(page)).toBe("");
      }
      await page.evaluate(() => {
        Storage.prototype.setItem = () => {
          throw new DOMException("full", "QuotaExceededError");
        };
      });
      await server.room(await server.person("Eve"), [dee], "Others");
      await box(page).fill("kept by the page");
      await page.getByRole("button", { name: "Others" }).click();
      await page.getByRole("heading", { name: "Others" }).waitFor();
      expect(await written(page)).toBe("");
      await page.getByRole("button", { name: "Hall" }).click();
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      expect(await written(page)).toBe("kept by the page");
    },
    SLOW_MS,
  );

  test(
    "a text that is too long says so in words while it is written, stays, and is not sent",
    async () => {
      const page = await browser.signedIn(await server.person("Gil"));
      await page.getByRole("heading", { name: "Hall" }).waitFor();
      const emoji = "😀".repeat(4000);
      await box(page).fill(emoji);
      await page.getByText("96 characters left", { exact: true }).waitFor();
      await box(page).fill(`${emoji}${"x".repeat(97)}`);
      await page.getByText("Too long by 1 character", { exact: true }).waitFor();
      expect(await page.getByRole("button", { name: "Send" }).isDisabled()).toBe(true);
      await page.keyboard.press("Enter");
      expect((await written(page)).length).toBe(8097);
      await page.keyboard.press("Backspace");
      await page.getByText("0 characters left", { exact: true }).waitFor();
      await page.keyboard.press("Enter");
      await bubble(page, "😀😀").waitFor();
      expect(await page.getByText("characters left").count()).toBe(0);

      await page.getByRole("button", { name: "New conversation" }).click();
      await page.getByLabel("Group name").fill("n".repeat(70));
      await page.getByText("Too long by 6 characters", { exact: true }).waitFor();
      expect(await page.getByRole("button", { name: "Create group" }).isDisabled()).toBe(true);
      await page.getByRole("button", { name: "Close" }).click();
      await page.getByRole("button", { name: "Friends" }).click();
      await page.getByLabel("Message (optional)").fill("t".repeat(201));
      await page.getByText("Too long by 1 character", { exact: true }).waitFor();
    },
    SLOW_MS,
  );

  test(
    "somebody who writes many lines still sees the newest messages",
    async () => {
      const kim = await server.person("Kim");
      for (let at = 0; at < 20; at++) await say(kim, HALL_ROOM_ID, `line ${at}`);
      const page = await browser.signedIn(kim);
      await bubble(page, "line 19").waitFor();
      await box(page).fill("a line\n".repeat(8));
      for (const key of "word") await page.keyboard.press(key);
      // The browser reports what it measures in the next frames.
      await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
      const fromEnd = () => {
        const { scrollHeight, scrollTop, clientHeight } = document.querySelector(".scroller") as Element;
        return Math.round(scrollHeight - scrollTop - clientHeight);
      };
      expect(await page.evaluate(fromEnd)).toBe(0);
      expect(await page.getByRole("button", { name: "Newest" }).isVisible()).toBe(false);
    },
    SLOW_MS,
  );

  test(
    "addresses in messages are links to http and https, in a window that knows nothing of this one; whatever else is text",
    async () => {
      const hal = await server.person("Hal");
      const target = `${server.url}/healthz`;
      await say(hal, HALL_ROOM_ID, `see ${target}. Or javascript:alert(1) or ${target}?"><img src=x onerror=alert(1)>`);
      await say(hal, HALL_ROOM_ID, `${"long ".repeat(199)}${target} and the end`);
      const page = await browser.signedIn(await server.person("Ida"));
      const first = bubble(page, "javascript:alert(1)");
      await first.waitFor();
      expect(await first.innerText()).toBe(
        `see ${target}. Or javascript:alert(1) or ${target}?"><img src=x onerror=alert(1)>`,
      );
      expect(await first.locator("img").count()).toBe(0);
      const links = first.getByRole("link");
      // The ? is at the end of its address.
      expect(await links.evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).href))).toEqual([
        target,
        target,
      ]);
      for (const rel of await links.evaluateAll((all) => all.map((link) => (link as HTMLAnchorElement).rel)))
        expect(rel.split(" ")).toContain("noopener");
      const opening = page.waitForEvent("popup");
      await links.first().click();
      const opened = await opening;
      await opened.waitForLoadState();
      expect(opened.url()).toBe(target);
      expect(await opened.evaluate(() => [window.opener, document.referrer])).toEqual([null, ""]);
      await opened.close();

      const long = bubble(page, "long long");
      expect(await long.innerText()).toContain("http:");
      expect(await long.getByRole("link").count()).toBe(0);
      await long.getByRole("button", { name: "Show all" }).click();
      expect(await long.getByRole("link").getAttribute("href")).toBe(target);
      expect(await long.innerText()).toEndWith("and the end");
    },
    SLOW_MS,
  );

  test(
    "times are written as the browser's language does: without a zero before the hour in English, with one in German",
    async () => {
      const jon = await server.person("Jon");
      const offset = ((new Date().getUTCHours() - 3 + 36) % 24) - 12;
      // These zone names count from here to Greenwich, so it is about three in the morning there.
      const timezoneId = `Etc/GMT${offset < 0 ? "" : "+"}${offset}`;
      await say(jon, HALL_ROOM_ID, "what time is it?");
      for (const [locale, pattern] of [
        ["en-US", /^[34]:\d\d\sAM$/],
        ["de-DE", /^0[34]:\d\d$/],
      ] as const) {
        const page = await browser.open("/", { locale, timezoneId });
        await signIn(page, "Jon");
        const row = page.locator(".row", { hasText: "what time is it?" });
        expect(await row.locator("time").innerText()).toMatch(pattern);
      }
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of, asked another host, or put a token into an address", () => {
    browser.expectQuiet();
  });
});
