import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID } from "@parley/protocol";
import type { Page } from "playwright-core";
import { type Person, say, type TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { bubble, fill, live, PASSWORD, PageBrowser, SLOW_MS, submit, write } from "./page-browser.ts";

const executablePath = needs("chromium");
const PHONE = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };

const roomRow = (page: Page, name: string) => page.locator(".room-row", { hasText: name });
const rowOf = (page: Page, text: string) => page.locator(".row", { hasText: text }).last();
const overflow = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

describe.skipIf(!executablePath)("the page's rooms, in a browser", () => {
  let browser: PageBrowser;
  let server: TestServer;
  let ann: Person;
  let ben: Person;
  let annsPage: Page;
  let bensPage: Page;

  beforeAll(async () => {
    browser = await PageBrowser.start(executablePath ?? "");
    server = browser.server;
    [ann, ben] = [await server.person("Ann"), await server.person("Ben")];
    annsPage = await browser.signedIn(ann);
    bensPage = await browser.signedIn(ben);
  }, SLOW_MS);
  afterAll(() => browser?.close(), SLOW_MS);

  test(
    "one finds a person by name and writes to them; they see the room, its dot and its preview, and open it",
    async () => {
      await annsPage.getByRole("button", { name: "New conversation" }).click();
      await annsPage.getByLabel("Find people by name").fill("be");
      await annsPage.locator(".found .person", { hasText: "Ben" }).click();
      await annsPage.getByRole("button", { name: "Write to Ben" }).click();
      await annsPage.locator("h1", { hasText: "Ben" }).waitFor();
      await annsPage.getByText("Online", { exact: true }).waitFor();
      await write(annsPage, "hello Ben");

      const row = roomRow(bensPage, "Ann");
      await row.getByText("hello Ben").waitFor();
      expect(await row.locator(".dot").innerText()).toMatch(/^1/);
      await bensPage.waitForFunction(() => document.title === "(1) Parley");
      await row.click();
      await bubble(bensPage, "hello Ben").waitFor();
      await row.locator(".dot").waitFor({ state: "detached" });
      await roomRow(annsPage, "Ben").getByText("You: hello Ben").waitFor();
    },
    SLOW_MS,
  );

  test(
    "several people make a group, which says who is in it and online; somebody is added, and one leaves",
    async () => {
      const [cai, dora] = [await server.person("Cai"), await server.person("Dora")];
      await annsPage.getByRole("button", { name: "New conversation" }).click();
      for (const name of ["Ben", "Cai"]) {
        await annsPage.getByLabel("Find people by name").fill(name.slice(0, 2));
        await annsPage.locator(".found .person", { hasText: name }).click();
      }
      await annsPage.getByLabel("Group name").fill("Mountains");
      await annsPage.getByRole("button", { name: "Create group" }).click();
      await annsPage.locator("h1", { hasText: "Mountains" }).waitFor();
      await annsPage.getByText("3 members").waitFor();
      await roomRow(bensPage, "Mountains").click();

      await annsPage.getByRole("button", { name: "About", exact: true }).click();
      const members = annsPage.locator(".members .person");
      await annsPage.getByRole("heading", { name: "3 members" }).waitFor();
      await members.filter({ hasText: "Ben" }).getByText("online").waitFor();
      expect((await members.allInnerTexts()).map((text) => text.replace(/\s+/g, " "))).toEqual([
        "A Ann (you) owner, online",
        "B Ben online",
        "C Cai",
      ]);
      await annsPage.getByLabel("Find people by name").fill("do");
      await annsPage.locator(".found .person", { hasText: "Dora" }).click();
      await annsPage.getByRole("button", { name: "Add to this group" }).click();
      for (const page of [annsPage, bensPage]) await page.locator(".state", { hasText: "4 members" }).waitFor();
      const { items } = await dora.api.ok<{ items: { name: string }[] }>("GET", "/rooms");
      expect(items.map(({ name }) => name)).toContain("Mountains");
      const rooms = await cai.api.ok<{ items: { id: number; name: string }[] }>("GET", "/rooms");
      const group = rooms.items.find(({ name }) => name === "Mountains")?.id ?? 0;
      await cai.api.ok("DELETE", `/rooms/${group}/members/${cai.uid}`);
      for (const page of [annsPage, bensPage]) await page.locator(".state", { hasText: "3 members" }).waitFor();
    },
    SLOW_MS,
  );

  test(
    "a reply quotes, a mention is offered and shown, and marks have counts that both see",
    async () => {
      await write(bensPage, "who is in?");
      await bubble(annsPage, "who is in?").hover();
      await rowOf(annsPage, "who is in?").getByRole("button", { name: "Reply" }).click();
      const box = annsPage.getByLabel("Message", { exact: true });
      await annsPage.getByText("Reply to Ben").waitFor();
      await box.pressSequentially("me, @B");
      await annsPage.getByRole("button", { name: "@Ben" }).waitFor();
      await annsPage.keyboard.press("Tab");
      expect(await box.inputValue()).toBe("me, @Ben ");
      await annsPage.keyboard.press("Enter");

      const answer = rowOf(bensPage, "me, @Ben");
      await answer.locator(".quote", { hasText: "who is in?" }).waitFor();
      expect(await answer.getAttribute("class")).toContain("for-me");
      await answer.hover();
      await answer.getByRole("button", { name: "Like", exact: true }).click();
      for (const page of [annsPage, bensPage]) {
        await rowOf(page, "me, @Ben").locator(".mark", { hasText: "1" }).waitFor();
      }
      await rowOf(annsPage, "me, @Ben").hover();
      await rowOf(annsPage, "me, @Ben").getByRole("button", { name: "Dislike", exact: true }).click();
      await answer.getByRole("button", { name: "1 dislike" }).waitFor();
      // Doing it a second time takes it away.
      await answer.getByRole("button", { name: "1 like, including yours" }).click();
      await rowOf(annsPage, "me, @Ben").getByRole("button", { name: "1 like" }).waitFor({ state: "detached" });
    },
    SLOW_MS,
  );

  test(
    "below the user's newest message the page says who has read it, and in a direct room that it was read",
    async () => {
      const cai = await server.person("Cai Two");
      const room = await server.room(ann, [ben, cai], "Readers");
      await roomRow(annsPage, "Readers").click();
      await write(annsPage, "anybody here?");
      const receipt = annsPage.locator(".row.own", { hasText: "anybody here?" }).locator(".receipt");
      await receipt.getByText("Sent").waitFor();
      await roomRow(bensPage, "Readers").click();
      await receipt.getByText("Read by 1").waitFor();
      expect(await receipt.getAttribute("title")).toBe("Ben");
      await say(cai, room, "me");
      await receipt.getByText("Read by all").waitFor();
      await write(annsPage, "and now?");
      // Else Ben's page might leave the room before it has read this, and it would stay unread.
      await annsPage
        .locator(".row.own", { hasText: "and now?" })
        .locator(".receipt", { hasText: "Read by 1" })
        .waitFor();
      await receipt.waitFor({ state: "detached" });

      const named = (page: Page, name: string) =>
        page.locator(".room-row", { has: page.getByText(name, { exact: true }) });
      await named(annsPage, "Ben").click();
      await write(annsPage, "only you");
      await named(bensPage, "Ann").click();
      // The message before it was read, too.
      await bubble(bensPage, "only you").waitFor();
      const last = annsPage.locator(".row.own", { hasText: "only you" });
      await last.locator(".receipt", { hasText: /^ Read$/ }).waitFor();
      await roomRow(bensPage, "Mountains").click();
      await roomRow(annsPage, "Mountains").click();
    },
    SLOW_MS,
  );

  test(
    "a recalled message is gone for both, also where it is quoted and in the list",
    async () => {
      await write(bensPage, "a secret");
      await rowOf(bensPage, "a secret").waitFor();
      await bubble(annsPage, "a secret").hover();
      await rowOf(annsPage, "a secret").getByRole("button", { name: "Reply" }).click();
      await write(annsPage, "about that");
      await rowOf(bensPage, "about that").locator(".quote", { hasText: "a secret" }).waitFor();
      await bubble(bensPage, "a secret").first().hover();
      await bensPage.locator(".row.own", { hasText: "a secret" }).getByRole("button", { name: "Recall" }).click();
      await bensPage.getByText("You recalled this message").waitFor();
      await annsPage.locator(".quote", { hasText: "The sender recalled this message" }).waitFor();
      for (const page of [annsPage, bensPage]) expect(await page.content()).not.toContain("a secret");
    },
    SLOW_MS,
  );

  test(
    "one sees that somebody is typing, until their message is there",
    async () => {
      let isOver = false;
      const seen = annsPage
        .getByText("Ben is typing…")
        .waitFor()
        .finally(() => {
          isOver = true;
        });
      // The server passes one TYPING on in three seconds, and leaves out one that comes sooner behind one that was late.
      while (!isOver)
        await bensPage.getByLabel("Message", { exact: true }).pressSequentially("writing ", { delay: 50 });
      await seen;
      await write(bensPage, "written");
      await bubble(annsPage, "written").waitFor();
      await annsPage.getByText("Ben is typing…").waitFor({ state: "detached" });
    },
    SLOW_MS,
  );

  test(
    "a pinned room stands first and a muted one is not news, on all devices of a person",
    async () => {
      const other = await browser.signedIn(ann);
      await roomRow(annsPage, "Hall").click();
      await annsPage.getByRole("button", { name: "About", exact: true }).click();
      await annsPage.getByLabel("Pinned").check();
      await annsPage.getByLabel("Muted").check();
      await annsPage.getByRole("button", { name: "Close" }).click();
      for (const page of [annsPage, other]) {
        await roomRow(page, "Hall").getByRole("img", { name: "pinned" }).waitFor();
        await roomRow(page, "Hall").getByRole("img", { name: "muted" }).waitFor();
        expect(await page.locator(".room-row").first().innerText()).toContain("Hall");
      }
      await roomRow(other, "Mountains").click();
      await roomRow(annsPage, "Mountains").click();
      await say(ben, HALL_ROOM_ID, "not news");
      await roomRow(other, "Hall").locator(".quiet-dot").waitFor();
      expect(await other.title()).toBe("Parley");
      await other.close();
    },
    SLOW_MS,
  );

  test(
    "a message that is quoted is found, however far back; from there one comes to the newest again",
    async () => {
      const room = await server.room(ann, [ben], "Far back");
      const first = await ben.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, {
        ...{ clientId: "first", type: 1, body: { content: "the very first" } },
      });
      for (let at = 0; at < 120; at++) await say(ben, room, `between ${at}`);
      await ben.api.ok("POST", `/rooms/${room}/messages`, {
        ...{ clientId: "last", type: 1, body: { content: "the last" }, replyTo: first.message.id },
      });
      await roomRow(annsPage, "Far back").click();
      await rowOf(annsPage, "the last").locator(".quote").click();
      await annsPage.locator(".row.found", { hasText: "the very first" }).waitFor();
      await annsPage.getByRole("button", { name: "Show later messages" }).click();
      await bubble(annsPage, "between 70").waitFor({ state: "attached" });
      await say(ben, room, "meanwhile");
      await annsPage.getByRole("button", { name: "↓ Newest" }).click();
      await bubble(annsPage, "meanwhile").waitFor();
      expect(await annsPage.locator(`[data-message-id="${first.message.id}"]`).count()).toBe(0);
    },
    SLOW_MS,
  );

  test(
    "a person who is removed from a room keeps what they have, and cannot write there",
    async () => {
      const room = await server.room(ann, [ben], "Short stay");
      await roomRow(bensPage, "Short stay").click();
      await write(bensPage, "I was here");
      await bubble(bensPage, "I was here").waitFor();
      await ann.api.ok("DELETE", `/rooms/${room}/members/${ben.uid}`);
      await bensPage.getByText("You are no longer in this group.").waitFor();
      await bubble(bensPage, "I was here").waitFor();
      expect(await bensPage.getByLabel("Message", { exact: true }).isVisible()).toBe(false);
      await roomRow(bensPage, "Short stay").waitFor({ state: "detached" });
      await roomRow(bensPage, "Mountains").click();
    },
    SLOW_MS,
  );

  test(
    "by keys alone one goes to a room, writes, and opens and closes a window, and the focus is never lost",
    async () => {
      await roomRow(annsPage, "Mountains").focus();
      await annsPage.keyboard.press("Enter");
      await annsPage.locator("h1", { hasText: "Mountains" }).waitFor();
      const focused = () => annsPage.evaluate(() => document.activeElement?.getAttribute("aria-label"));
      expect(await focused()).toBe("Message");
      await annsPage.keyboard.type("by keys");
      await annsPage.keyboard.press("Enter");
      await bubble(annsPage, "by keys").waitFor();
      expect(await focused()).toBe("Message");
      await annsPage.getByRole("button", { name: "About", exact: true }).focus();
      await annsPage.keyboard.press("Enter");
      await annsPage.getByRole("dialog", { name: "About this room" }).waitFor();
      await annsPage.keyboard.press("Escape");
      await annsPage.getByRole("dialog").waitFor({ state: "detached" });
      expect(await annsPage.evaluate(() => document.activeElement?.textContent)).toBe("About");
    },
    SLOW_MS,
  );

  test(
    "on a phone there is the list or a room; what to do with a message is opened by a finger, and nothing is wider than the screen",
    async () => {
      const page = await browser.open("/", PHONE);
      await fill(page, ben.name, PASSWORD);
      await submit(page);
      await live(page);
      await say(ann, (await server.room(ann, [ben], "For the phone")) as number, "tap me");
      await page.getByRole("button", { name: "Rooms (1)" }).click();
      expect(await overflow(page)).toBe(0);
      expect(await page.getByLabel("Message", { exact: true }).isVisible()).toBe(false);
      await roomRow(page, "For the phone").tap();
      const row = rowOf(page, "tap me");
      expect(await row.getByRole("button", { name: "Reply" }).isVisible()).toBe(false);
      await row.getByRole("button", { name: "Message actions" }).tap();
      const like = row.getByRole("button", { name: "Like", exact: true });
      const { width = 0, height = 0 } = (await like.boundingBox()) ?? {};
      expect([width >= 44, height >= 44]).toEqual([true, true]);
      await like.tap();
      await row.locator(".mark").waitFor();
      expect(await overflow(page)).toBe(0);
      await page.getByRole("button", { name: "About", exact: true }).tap();
      await page.getByRole("heading", { name: "2 members" }).waitFor();
      expect(await overflow(page)).toBe(0);
      await page.close();
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of, asked another host, or put a token into an address", () => {
    browser.expectQuiet();
  });
});
