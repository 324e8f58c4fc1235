import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import type { Page, Route } from "playwright-core";
import { say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, live, loginUrlOf, PageBrowser, SLOW_MS, write } from "./page-browser.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("the page, where the network is not as it should be", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "windows of one browser share a connection, which a worker keeps alive",
    async () => {
      const first = await browser.signedIn(await server.person("Ann Windows"));
      // A page waits a second for its worker and then goes on without it; if it is loaded anew, it tries again.
      let loads = 1;
      for (; first.workers().length === 0 && loads < 5; loads++) {
        await first.reload();
        await live(first);
      }
      expect(first.workers().map((worker) => new URL(worker.url()).pathname)).toEqual(["/parley-heartbeat.js"]);
      const second = await browser.open("/", { from: first });
      await live(second);
      // This is the number that the first window's connection got.
      await second.getByText("1 online").waitFor();
      await write(second, "from the second window");
      await bubble(first, "from the second window").waitFor();
      await write(first, "from the first window");
      await bubble(second, "from the first window").waitFor();
      expect(browser.sockets).toBe(loads);
    },
    SLOW_MS,
  );

  test(
    "after a restart of the server the page goes on where it was: nothing missing, nothing twice, what waited goes out",
    async () => {
      const eve = await server.person("Eve");
      const page = await browser.signedIn(eve);
      await say(eve, HALL_ROOM_ID, "before the restart");
      await bubble(page, "before the restart").waitFor();
      await onSend(page, (route) => route.abort());
      await write(page, "written without a connection");
      await page.locator(".row.sending").waitFor();

      const noticed = page.getByText("Reconnecting…").waitFor();
      await server.restart();
      await noticed;
      await say(eve, HALL_ROOM_ID, "while the page was away");
      await page.unroute(SENDS);
      await live(page);
      await bubble(page, "while the page was away").waitFor();
      // The next try of a send comes up to 20 s after the last one.
      await page.locator(".row.sending").waitFor({ state: "detached", timeout: 30_000 });
      await say(eve, HALL_ROOM_ID, "the end");
      await bubble(page, "the end").waitFor();
      const shown = await page.locator(".bubble").allInnerTexts();
      expect(shown.slice(-4)).toEqual([
        "before the restart",
        "while the page was away",
        "written without a connection",
        "the end",
      ]);
    },
    SLOW_MS,
  );

  test(
    "what waits to be sent is sent once after the page was loaded anew",
    async () => {
      const kim = await server.person("Kim");
      const page = await browser.signedIn(kim);
      await onSend(page, (route) => route.abort());
      await write(page, "written before the reload");
      await page.locator(".row.sending").waitFor();
      await page.unroute(SENDS);
      await page.reload();
      await live(page);
      await bubble(page, "written before the reload").waitFor();
      expect(await page.locator(".bubble", { hasText: "written before the reload" }).count()).toBe(1);
    },
    SLOW_MS,
  );

  test(
    "what is refused stays, with the reason: it is tried again as the same message, or discarded",
    async () => {
      const page = await browser.signedIn(await server.person("Ivy"));
      const clientIds: string[] = [];
      page.on("request", (request) => {
        if (request.method() === "POST" && request.url().endsWith("/messages")) {
          clientIds.push(request.postDataJSON().clientId);
        }
      });
      const problem = JSON.stringify({ status: 403, code: "forbidden", title: "Only administrators write here" });
      const refusal = { status: 403, contentType: "application/problem+json", body: problem };
      await onSend(page, (route) => route.fulfill(refusal));
      await write(page, "refused at first");
      await page.getByText("Not sent. Only administrators write here.").waitFor();
      await write(page, "refused for good");
      await page.locator(".failure").nth(1).waitFor();
      await page.getByRole("button", { name: "Discard" }).last().click();
      await bubble(page, "refused for good").waitFor({ state: "detached" });

      await page.unroute(SENDS);
      await page.getByRole("button", { name: "Try again" }).click();
      for (const left of [".failure", ".row.sending"]) await page.locator(left).waitFor({ state: "detached" });
      expect(await page.locator(".bubble", { hasText: "refused at first" }).count()).toBe(1);
      expect(clientIds).toHaveLength(3);
      expect(clientIds[2]).toBe(clientIds[0] as string);
    },
    SLOW_MS,
  );

  test(
    "where no WebSocket gets through one signs in by a QR code all the same, and the hall lives by an event stream",
    async () => {
      const hall = await browser.signedIn(await server.person("Jo"));
      const page = await browser.open("/", { script: blockWebSockets });
      const stream = page.waitForRequest(/\/events\/stream/);
      const phone = await browser.open(await loginUrlOf(page), { from: hall });
      await page.getByText("Scanned. Now confirm on the other device.").waitFor();
      await phone.getByRole("button", { name: "Confirm" }).click();
      await live(page);
      await stream;
      await write(hall, "by a WebSocket");
      await bubble(page, "by a WebSocket").waitFor();
      await write(page, "without one");
      await bubble(hall, "without one").waitFor();
    },
    SLOW_MS,
  );

  test(
    "a QR code that cannot be had now is said to be on its way, and comes",
    async () => {
      const page = await browser.open("/", { viewport: { width: 360, height: 640 } });
      await page.route("**/qr-logins", (route) => route.abort());
      await page.getByRole("button", { name: "Show a QR code instead" }).click();
      await page.getByText("No connection to the server. Trying again…").waitFor();
      await page.unroute("**/qr-logins");
      expect(await loginUrlOf(page)).toStartWith(`${server.url}/qr/`);
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of, asked another host, or put a token into an address", () => {
    browser.expectQuiet();
  });
});

const SENDS = "**/messages";

/** What happens to the messages that the page sends. */
async function onSend(page: Page, answer: (route: Route) => Promise<void>): Promise<void> {
  await page.route(SENDS, (route) => (route.request().method() === "POST" ? answer(route) : route.continue()));
}

/** Acts like a proxy that lets no WebSocket through. Runs in the page. */
function blockWebSockets(): void {
  globalThis.WebSocket = class {
    onclose: ((event: object) => void) | undefined;
    constructor() {
      setTimeout(() => this.onclose?.({ code: 1006, reason: "" }));
    }
    close() {}
  } as never;
}
