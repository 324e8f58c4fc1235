import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { join } from "node:path";
import { HALL_ROOM_ID } from "@parley/protocol";
import { type Browser, type BrowserContext, chromium, type Page } from "playwright-core";
import { ApiClient } from "../packages/server/test/api-client.ts";
import { freePort } from "../packages/server/test/free-port.ts";
import { type Person, say, TestServer } from "../packages/server/test/harness.ts";
import { needs } from "../packages/server/test/needs.ts";
import { Running } from "./running.fixture.ts";

const SLOW_MS = 60_000;
const node = needs("node");
const executablePath = needs("chromium");

describe.skipIf(!executablePath || !node)("red dots in a product with several customers", () => {
  let browser: Browser;
  let server: TestServer;
  let pages: Running;
  let origin: string;
  let ann: Person;

  beforeAll(async () => {
    const [port, pagesPort] = [freePort(), freePort()];
    origin = `http://localhost:${pagesPort}`;
    [browser, server] = await Promise.all([
      chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] }),
      TestServer.start({ PORT: String(port), ALLOWED_ORIGINS: origin }),
    ]);
    pages = new Running([node ?? "", join(import.meta.dir, "serve.mjs")], {
      PORT: String(pagesPort),
      PARLEY_URL: server.url,
    });
    ann = await server.person("Ann");
    await pages.says(`${origin}/page.html`);
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    await pages?.kill();
    await server?.stop();
  }, SLOW_MS);

  /** A page of the product, and the customer who is signed in there. */
  async function open(context?: BrowserContext) {
    const page = await (context ?? (await browser.newContext())).newPage();
    page.setDefaultTimeout(30_000);
    await page.goto(`${origin}/red-dots.html`);
    const token = await page.evaluate(async () => (await fetch("/parley-token", { method: "POST" })).text());
    const api = new ApiClient(server.url, token);
    return { page, api, uid: (await api.ok<{ uid: number }>("GET", "/me")).uid };
  }

  const dot = (page: Page, count: string) => page.locator("#dot").getByText(count, { exact: true }).waitFor();
  const noDot = (page: Page) => page.locator("#dot").waitFor({ state: "hidden" });
  /** What it asked for because of an earlier event must not show what a later one has done. */
  const asksNoMore = (page: Page) =>
    page.waitForFunction(() => {
      const asked = performance.getEntriesByType("resource").filter(({ name }) => name.endsWith("/unread"));
      return asked.every((one) => performance.now() - (one as PerformanceResourceTiming).responseEnd > 400);
    });

  test(
    "the dot is gone when the room is left elsewhere, taken away, or dissolved",
    async () => {
      const { page, api, uid } = await open();
      const ways: ((room: number) => Promise<unknown>)[] = [
        (room) => api.ok("DELETE", `/rooms/${room}/members/${uid}`),
        (room) => ann.api.ok("DELETE", `/rooms/${room}/members/${uid}`),
        (room) => ann.api.ok("DELETE", `/rooms/${room}`),
      ];
      for (const end of ways) {
        const { id: room } = await ann.api.ok<{ id: number }>("POST", "/rooms", { memberIds: [uid] });
        await noDot(page);
        await say(ann, room, "news");
        await dot(page, "1");
        await asksNoMore(page);
        await end(room);
        await noDot(page);
      }
    },
    SLOW_MS,
  );

  test(
    "each browser is another customer with dots of their own, and stays the same one in its other tabs and after a reload",
    async () => {
      const [one, other] = [await open(), await open()];
      expect(other.uid).not.toBe(one.uid);
      await say(ann, HALL_ROOM_ID, "to everybody");
      for (const { page } of [one, other]) await dot(page, "1");
      await one.page.getByRole("button", { name: "Messages" }).click();
      await noDot(one.page);
      await say(ann, HALL_ROOM_ID, "and again");
      await dot(one.page, "1");
      await dot(other.page, "2");
      const tab = await open(one.page.context());
      expect(tab.uid).toBe(one.uid);
      await dot(tab.page, "1");
      await other.page.reload();
      await dot(other.page, "2");
    },
    SLOW_MS,
  );

  test(
    "a browser that the product does not know gets no token",
    async () => {
      for (const headers of [{}, { Cookie: "customer=short" }] as Record<string, string>[]) {
        const reply = await fetch(`${origin}/parley-token`, { method: "POST", headers });
        expect([reply.status, await reply.text()]).toEqual([401, "Open a page first"]);
      }
    },
    SLOW_MS,
  );
});
