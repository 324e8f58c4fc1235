import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { type Person, say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, PageBrowser, SLOW_MS } from "./page-browser.ts";

const executablePath = needs("chromium");
const HOSTILE = '<img src=x onerror="window.attacked=true">';
const ROOMS = 500;
/** The longest text that the server takes, made of the characters that cost a browser most. */
const LONG = "😀".repeat(4_096);

describe.skipIf(!executablePath)("the page, with very much to show", () => {
  let browser: PageBrowser;
  let server: TestServer;
  let ann: Person;
  let mallory: Person;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
    [ann, mallory] = [await server.person("Ann"), await server.person(HOSTILE.slice(0, 32))];
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "500 rooms with hostile names and texts: all are listed, literally, and news of one moves it up at once",
    async () => {
      const rooms: number[] = [];
      for (let at = 0; at < ROOMS; at++) rooms.push(await server.room(mallory, [ann], `${HOSTILE} ${at}`));
      const page = await browser.signedIn(ann);
      await page.waitForFunction((count) => document.querySelectorAll(".room-row").length === count, ROOMS + 1);
      const oldest = page.locator(".room-row", { hasText: `${HOSTILE} 0` }).last();
      expect(await oldest.locator(".room-name").textContent()).toBe(`${HOSTILE} 0`);
      await say(mallory, rooms[0] as number, `${HOSTILE} news`);
      const first = page.locator(".room-row").first();
      await first.getByText(`${HOSTILE} news`).waitFor();
      expect(await frameMs(page, 40, () => say(mallory, rooms[1] as number, "again"))).toBeLessThan(50);
      await page.locator(".room-row", { hasText: "news" }).click();
      await bubble(page, `${HOSTILE} news`).waitFor();
      await page.getByRole("button", { name: "About", exact: true }).click();
      await page.locator(".members .person").nth(1).waitFor();
      const made = await page.evaluate(() => document.querySelectorAll("body img").length);
      expect([made, await page.evaluate(() => "attacked" in window), browser.askedFor(/\/x$/)]).toEqual([0, false, []]);
    },
    SLOW_MS,
  );

  test(
    "342 messages of 4 096 emoji: long texts are folded, a frame stays under 50 ms, and one text is opened whole",
    async () => {
      const room = await server.room(mallory, [ann], "Long texts");
      for (let at = 0; at < 342; at++) await say(mallory, room, LONG);
      const page = await browser.signedIn(ann);
      await page.locator(".room-row", { hasText: "Long texts" }).click();
      const count = () => page.locator(".row").count();
      for (let shown = 0; shown < 342; ) {
        await page.waitForFunction((before) => document.querySelectorAll(".row").length > before, shown);
        shown = await count();
        if (shown < 342) await page.getByRole("button", { name: "Show earlier messages" }).click();
      }
      await page.getByRole("button", { name: "↓ Newest" }).click();
      expect(await frameMs(page, 40, () => say(mallory, room, LONG))).toBeLessThan(50);
      const last = page.locator(".row").last();
      expect((await last.locator(".bubble").innerText()).length).toBeLessThan(1_100);
      await last.getByRole("button", { name: "Show all" }).click();
      expect(await last.locator(".bubble").innerText()).toBe(LONG);
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of", () => {
    browser.expectQuiet();
  });
});

/** The median time of a frame, among those that pass while things happen. */
async function frameMs(page: Page, times: number, happen: () => Promise<unknown>): Promise<number> {
  const measured = page.evaluate(
    (frames) =>
      new Promise<number[]>((resolve) => {
        const spans: number[] = [];
        let before = performance.now();
        const look = (now: number) => {
          spans.push(now - before);
          before = now;
          if (spans.length < frames) requestAnimationFrame(look);
          else resolve(spans);
        };
        requestAnimationFrame(look);
      }),
    times * 4,
  );
  for (let at = 0; at < times; at++) await happen();
  const spans = (await measured).sort((a, b) => a - b);
  return spans[Math.floor(spans.length / 2)] as number;
}
