import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { needs } from "../../server/test/needs.ts";
import {
  bubble,
  fill,
  live,
  loginUrlOf,
  PASSWORD,
  PageBrowser,
  SLOW_MS,
  submit,
  write,
} from "../../server/test/page-browser.ts";
import { Door } from "./rig/door.ts";
import { WatchedClient } from "./rig/watched-client.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("behind a proxy that has the server below a path", () => {
  let browser: PageBrowser;
  let door: Door;
  let base: string;

  beforeAll(async () => {
    door = await Door.open("http://127.0.0.1:1");
    door.prefix = "/chat";
    base = `${door.url}/chat`;
    browser = await PageBrowser.start(executablePath ?? "", { PUBLIC_URL: `${base}/`, HALL: "off" });
    door.target = browser.server.url;
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    door?.close();
  }, SLOW_MS);

  test(
    "HTTP-54: the page signs in, talks by a WebSocket, and shows a QR code whose address another device opens and confirms",
    async () => {
      const [ann, ben] = [await browser.server.person("Ann Path"), await browser.server.person("Ben Path")];
      await browser.server.room(ann, [ben], "The office");
      const desk = await browser.open(`${base}/`);
      const url = await loginUrlOf(desk);
      expect(url).toStartWith(`${base}/qr/`);
      const phone = await browser.open(`${base}/`);
      await fill(phone, "Ben Path", PASSWORD);
      await submit(phone);
      await live(phone);
      const confirms = await browser.open(url, { from: phone });
      await confirms.getByRole("button", { name: "Confirm" }).click();
      await live(desk);
      await desk.getByText("The office").first().click();
      await phone.getByText("The office").first().click();
      await write(phone, "below a path");
      await bubble(desk, "below a path").waitFor();
      await confirms.getByRole("link").first().click();
      await live(confirms);
      expect(door.asked.websocket).toBeGreaterThan(0);
      expect([door.asked.sse, door.asked.poll]).toEqual([0, 0]);
    },
    2 * SLOW_MS,
  );

  test(
    "HTTP-54: /docs shows the routes, and asks them where they are",
    async () => {
      const page = await browser.open(`${base}/docs`);
      await page.locator(".opblock-get", { hasText: "/api/v1/doctor" }).first().click();
      await page.getByRole("button", { name: "Try it out" }).click();
      await page.getByRole("button", { name: "Execute" }).click();
      await page.locator(".responses-inner .live-responses-table .response", { hasText: "200" }).first().waitFor();
      // The windows of the test before ask for something now and then, too.
      expect(door.lines.filter((line) => line.endsWith("/doctor"))).toEqual(["GET /chat/api/v1/doctor"]);
      const document = (await (await fetch(`${base}/openapi.json`)).json()) as { servers: object[] };
      expect(document.servers).toEqual([{ url: base }]);
    },
    2 * SLOW_MS,
  );

  test("SDK-17: a client's `url` may have a path", async () => {
    const person = await browser.server.person("Cat Path");
    for (const transport of ["websocket", "sse", "long-poll"] as const) {
      const watched = new WatchedClient({ url: `${base}/`, token: person.token, transports: [transport] });
      await watched.live(transport);
      expect((await watched.client.request("GET /me")).name).toBe("Cat Path");
      watched.client.stop();
    }
  });
});
