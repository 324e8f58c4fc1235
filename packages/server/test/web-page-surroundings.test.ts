import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import type { TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, fill, live, PASSWORD, PageBrowser, SLOW_MS, submit, write } from "./page-browser.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("the page, where the clock or the storage is not as it should be", () => {
  let browser: PageBrowser;
  let server: TestServer;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  for (const [how, script] of [
    ["ten minutes and a day ahead", aDayAhead],
    ["ten minutes and a day behind", aDayBehind],
  ] as const) {
    test(
      `where the clock is ${how}, times and days are the server's, and the user's own message can be recalled`,
      async () => {
        const ann = await server.person(how);
        const page = await browser.open("/", { script });
        await fill(page, ann.name, PASSWORD);
        await submit(page);
        await live(page);
        await page.route("**/messages", (route) =>
          route.request().method() === "POST" ? route.abort() : route.continue(),
        );
        await write(page, `on its way, ${how}`);
        const going = page.locator(".row.sending time");
        await going.waitFor();
        await expectNow(going.getAttribute("datetime"));
        await page.unroute("**/messages");
        const row = page.locator(".row", { hasText: `on its way, ${how}` });
        await row.getByRole("button", { name: "Recall" }).waitFor({ state: "attached", timeout: 30_000 });
        await expectNow(row.locator("time").getAttribute("datetime"));
        expect(await page.locator(".day").allInnerTexts()).toEqual(["Today"]);
        await row.hover();
        await row.getByRole("button", { name: "Recall" }).click();
        await page.getByText("You recalled this message").waitFor();
        await page.reload();
        await live(page);
      },
      SLOW_MS,
    );
  }

  test(
    "where another window clears what is stored, this one is signed out, with a login that it made itself",
    async () => {
      const page = await browser.signedIn(await server.person("Bea"));
      // This window does not show our page, since a window with it would store its login again.
      const other = await browser.open("/healthz", { from: page });
      await other.evaluate(() => localStorage.clear());
      await page.getByLabel("Password").waitFor();
      expect(await page.evaluate(() => localStorage.getItem("parley.login"))).toBeNull();
    },
    SLOW_MS,
  );

  test(
    "where another window signs in as somebody else, this one becomes theirs",
    async () => {
      const page = await browser.signedIn(await server.person("Cleo"));
      const second = await browser.open("/", { from: page });
      await live(second);
      await second.getByRole("button", { name: "Sign out" }).click();
      await fill(second, (await server.person("Dov")).name, PASSWORD);
      await submit(second);
      await live(second);
      await page.locator(".me", { hasText: "Dov" }).waitFor();
      await live(page);
      await write(page, "written as Dov");
      await bubble(second, "written as Dov").waitFor();
      expect(await second.locator(".row.own", { hasText: "written as Dov" }).count()).toBe(1);
    },
    SLOW_MS,
  );

  test(
    "what is stored and is no login shows the way in, and is replaced by the next one",
    async () => {
      const page = await browser.open("/", { script: () => localStorage.setItem("unrelated", "1") });
      for (const text of ["{", "null", '{"token":5}']) {
        await page.evaluate((broken) => localStorage.setItem("parley.login", broken), text);
        await page.reload();
        await page.getByLabel("Password").waitFor();
      }
      await fill(page, (await server.person("Eli")).name, PASSWORD);
      await submit(page);
      await live(page);
      await page.reload();
      await live(page);
    },
    SLOW_MS,
  );

  test(
    "a login that is no longer valid leads to the form, which says why",
    async () => {
      const page = await browser.open();
      const stale = { token: "pl_nobodys", uid: 20_001, name: "Nobody", power: 0 };
      await page.evaluate((login) => localStorage.setItem("parley.login", login), JSON.stringify(stale));
      await page.reload();
      await page.getByText("You were signed out. Sign in again to continue.").waitFor();
      expect(await page.evaluate(() => localStorage.getItem("parley.login"))).toBeNull();
    },
    SLOW_MS,
  );

  test(
    "where the browser keeps nothing one can sign in and write, until the page is loaded anew",
    async () => {
      const page = await browser.open("/", { script: refuseStorage });
      await fill(page, (await server.person("Fay")).name, PASSWORD);
      await submit(page);
      await live(page);
      await write(page, "without a storage");
      await bubble(page, "without a storage").waitFor();
      await page.reload();
      await page.getByLabel("Password").waitFor();
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of", () => {
    browser.expectQuiet();
  });
});

async function expectNow(datetime: Promise<string | null>): Promise<void> {
  const at = Date.parse((await datetime) ?? "");
  expect(Math.abs(Date.now() - at)).toBeLessThan(60_000);
}

// These run in the page before anything else does.

function aDayAhead(): void {
  const { now } = Date;
  Date.now = () => now() + 87_000_000;
}

function aDayBehind(): void {
  const { now } = Date;
  Date.now = () => now() - 87_000_000;
}

function refuseStorage(): void {
  Object.defineProperty(window, "localStorage", {
    get: () => {
      throw new DOMException("The operation is insecure.", "SecurityError");
    },
  });
}
