import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import type { Page } from "playwright-core";
import { say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, fill, live, PageBrowser, SLOW_MS, submit, write } from "./page-browser.ts";

const executablePath = needs("chromium");

/** A text that would become two elements, one of which runs a script, if anything read it as HTML. */
const HOSTILE = "<img src=x><b>hi";
const ATTACK = `${HOSTILE}<img src=x onerror="window.attacked=true"><script>window.attacked=true</script>&lt;i&gt;`;

describe.skipIf(!executablePath)("the page, as an attacker sees it: what others wrote is shown literally", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "in a text and in a name, of others and of the reader, live and from history",
    async () => {
      const mallory = await server.person(HOSTILE);
      await say(mallory, HALL_ROOM_ID, `${ATTACK} in history`);
      const page = await browser.signedIn(await server.person("Ann"));
      await say(mallory, HALL_ROOM_ID, `${ATTACK} live`);
      await write(page, `${ATTACK} by myself`);
      for (const ending of ["in history", "live", "by myself"]) {
        const shown = bubble(page, ending);
        await shown.waitFor();
        expect(await shown.innerText()).toBe(`${ATTACK} ${ending}`);
      }
      await page.locator(".author", { hasText: HOSTILE }).waitFor();
      expect(await page.locator(".author").first().innerText()).toBe(HOSTILE);
      expect(await page.locator(".row .avatar").first().innerText()).toBe("<");
      const preview = page.locator(".room-preview", { hasText: "You: " });
      await preview.waitFor();
      expect(await preview.innerText()).toBe(`You: ${ATTACK} by myself`.slice(0, 120));
      await expectLiteral(page);

      const theirs = await browser.signedIn(mallory);
      expect(await theirs.locator(".me").innerText()).toBe(HOSTILE);
      expect(await theirs.locator(".me").getAttribute("title")).toBe(`Signed in as ${HOSTILE}`);
      await expectLiteral(theirs);
    },
    SLOW_MS,
  );

  test(
    "in a new name that is pushed while somebody looks",
    async () => {
      const eve = await server.person("Eve");
      const bob = await server.person("Bob");
      // Nobody hears of a new name through the hall alone, so they share a room.
      await server.room(eve, [bob], HOSTILE);
      await say(eve, HALL_ROOM_ID, "by Eve");
      const page = await browser.signedIn(bob);
      await page.locator(".author", { hasText: "Eve" }).waitFor();
      await eve.api.ok("PATCH", "/me", { name: "<b>Eve</b><img src=y>" });
      await page.locator(".author", { hasText: "<b>Eve</b><img src=y>" }).waitFor();
      await expectLiteral(page);
    },
    SLOW_MS,
  );

  test(
    "in what a history holds that no server of ours writes: notices, recalls and kinds that are not known",
    async () => {
      const dan = await server.person("Dan");
      await say(dan, HALL_ROOM_ID, "anything");
      const page = await browser.open();
      await page.route("**/rooms/1/messages*", async (route) => {
        if (route.request().method() !== "GET") return route.continue();
        const response = await route.fetch();
        const history = await response.json();
        const [one] = history.items.slice(-1);
        const of = (id: number, type: number) => ({
          ...one,
          message: { ...one.message, id, seq: id, clientId: null, type, body: `${HOSTILE} ${type}` },
        });
        return route.fulfill({ response, json: { ...history, items: [of(1, 8), of(2, 2), of(3, 99)] } });
      });
      await fill(page, dan.name, "a long password");
      await submit(page);
      await live(page);
      await page.locator(".notice", { hasText: `${HOSTILE} 8` }).waitFor();
      await page.locator(".bubble.gone", { hasText: `${HOSTILE} 2` }).waitFor();
      await page.getByText("This page cannot show this kind of message").waitFor();
      await expectLiteral(page);
    },
    SLOW_MS,
  );

  test(
    "in why a message was refused, and why one could not sign in",
    async () => {
      const problem = (status: number) => ({
        status,
        contentType: "application/problem+json",
        body: JSON.stringify({ status, code: "forbidden", title: "No", detail: ATTACK }),
      });
      const page = await browser.signedIn(await server.person("Cem"));
      await page.route("**/messages", (route) =>
        route.request().method() === "POST" ? route.fulfill(problem(403)) : route.continue(),
      );
      await write(page, "refused");
      await page.locator(".failure").waitFor();
      expect(await page.locator(".failure").innerText()).toContain(ATTACK);
      await expectLiteral(page);

      const form = await browser.open();
      await form.route("**/logins", (route) => route.fulfill(problem(403)));
      await fill(form, "Cem", "a long password");
      await submit(form);
      await form.locator(".problem", { hasText: ATTACK }).waitFor();
      await expectLiteral(form);
    },
    SLOW_MS,
  );

  test(
    "in what a device that asks to be signed in calls itself",
    async () => {
      const asked = await fetch(`${server.url}/api/v1/qr-logins`, {
        method: "POST",
        headers: { "User-Agent": `${HOSTILE}<img src=z>` },
      });
      const { url } = (await asked.json()) as { url: string };
      const gus = await server.person(`${HOSTILE} Gus`);
      const phone = await browser.open(new URL(url).pathname);
      await fill(phone, gus.name, "a long password");
      await submit(phone);
      await phone.locator(".facts", { hasText: `${HOSTILE}<img src=z>` }).waitFor();
      expect(await phone.locator("strong").innerText()).toBe(gus.name);
      await expectLiteral(phone);
    },
    SLOW_MS,
  );

  test("no browser ran anything of it, or asked for a picture", () => {
    browser.expectQuiet();
  });

  /** Nothing on the page is an element that the page does not make itself, and nothing ran. */
  async function expectLiteral(page: Page): Promise<void> {
    const made = await page.evaluate(() => ({
      elements: document.querySelectorAll("body img, body b, body i, body script:not([src])").length,
      attacked: "attacked" in window,
    }));
    expect(made).toEqual({ elements: 0, attacked: false });
    expect(browser.askedFor(/\/(x|y|z)$/)).toEqual([]);
  }
});
