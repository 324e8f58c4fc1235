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

declare global {
  /** In the page. */
  var changes: number;
}

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
    "500 rooms with hostile names and texts: all are listed, literally, and news of one moves it up and draws no other anew",
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
      const { changes, ms } = await costOf(page, {
        times: 40,
        happen: (n) => say(mallory, rooms[1] as number, `again ${n}`),
        seen: () => first.getByText("again 39").waitFor(),
      });
      expect(changes).toBeLessThan(20);
      expect(ms).toBeLessThan(50);
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
    "342 messages of 4 096 emoji: long texts are folded, another one costs less than 50 ms of work, and one text is opened whole",
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
      const before = await count();
      const { changes, ms } = await costOf(page, {
        times: 40,
        happen: () => say(mallory, room, LONG),
        seen: () => page.waitForFunction((rows) => document.querySelectorAll(".row").length >= rows, before + 40),
      });
      expect(changes).toBeLessThan(20);
      expect(ms).toBeLessThan(50);
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

/**
 * What each of some messages costs the page: how many places of the document change, and the work of its thread. Work is counted, since the
 * time of a frame is also that of everything else that the machine does.
 */
async function costOf(
  page: Page,
  { times, happen, seen }: { times: number; happen: (n: number) => Promise<unknown>; seen: () => Promise<unknown> },
): Promise<{ changes: number; ms: number }> {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const workedMs = async () => {
    const { metrics } = await devtools.send("Performance.getMetrics");
    return 1000 * (metrics.find(({ name }) => name === "TaskDuration")?.value ?? Number.NaN);
  };
  await page.evaluate(() => {
    globalThis.changes = 0;
    const count = (some: MutationRecord[]) => {
      globalThis.changes += some.length;
    };
    new MutationObserver(count).observe(document.body, { childList: true, subtree: true });
  });
  const before = await workedMs();
  for (let n = 0; n < times; n++) await happen(n);
  await seen();
  const ms = (await workedMs()) - before;
  return { changes: (await page.evaluate(() => changes)) / times, ms: ms / times };
}
