import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { createClient } from "@parley/client";
import { HALL_ROOM_ID } from "@parley/protocol";
import { type Browser, chromium, type Page } from "playwright-core";
import { Door } from "../packages/client/test/rig/door.ts";
import { withDeadline } from "../packages/server/src/lib/interval.ts";
import { ApiClient } from "../packages/server/test/api-client.ts";
import { freePort } from "../packages/server/test/free-port.ts";
import { type Person, say, TestServer } from "../packages/server/test/harness.ts";
import { needs } from "../packages/server/test/needs.ts";
import { TOKEN } from "../packages/server/test/page-browser.ts";
import { Running } from "./running.fixture.ts";

const PASSWORD = "a long password";
const SLOW_MS = 60_000;
const curl = needs("curl");
const node = needs("node");
const executablePath = needs("chromium");

const example = (name: string) => join(import.meta.dir, name);

test.skipIf(!curl)(
  "the walk with curl ends by itself, shows each message where it says, and leaves nobody behind",
  async () => {
    const server = await TestServer.start();
    const walk = new Running(["sh", example("transports.sh"), server.url]);
    try {
      expect(await walk.ended()).toEqual({ code: 0, errors: "" });
      const parts = walk.output.split("\n== ").slice(2);
      const heads = parts.map((part) => part.slice(0, part.indexOf("\n")));
      expect(heads.map((head) => head.split(":")[0])).toEqual([
        "1. Short poll",
        "2. Long poll",
        "3. Event stream",
        "4. WebSocket",
        "Back to the short poll, with the cursor of the event stream",
      ]);
      // One cursor is passed through all parts: each part has its own message and repeats none.
      const shown = parts.map((part) => [...part.matchAll(/"content":"(\w+)"/g)].map(([, content]) => content));
      expect(shown).toEqual([["one"], ["two"], ["three"], ["four"], ["four"]]);
      expect(parts[1]).toContain("it says 0 bytes");
      expect(parts[3]).toContain("HTTP/1.1 101 Switching Protocols\n");
      // How many people are online is told whenever it has changed.
      const frames = parts[3]?.match(/^.*\{"type":\d+/gm)?.filter((frame) => frame !== '{"type":5');
      expect(frames).toEqual(['{"type":3', '{"type":101', '{"type":103', '{"type":4']);
      expect(parts[4]).toMatch(/And from there: \{"events":\[\]/);
      expect(walk.output).not.toMatch(TOKEN);
      const ann = await server.person("ann");
      expect((await ann.api.ok<{ items: [] }>("GET", "/users?query=walk")).items).toEqual([]);
    } finally {
      await walk.kill();
      await server.stop();
    }
  },
  SLOW_MS,
);

test(
  "the bot answers each question once, also those that it missed, whenever it is killed",
  async () => {
    const server = await TestServer.start();
    const [ann, bot] = [await server.person("ann"), await server.person("bot")];
    const room = await server.room(ann, [bot]);
    const file = join(server.dir, "bot-state.json");
    const env = { PARLEY_URL: server.url, PARLEY_NAME: "bot", PARLEY_PASSWORD: PASSWORD, BOT_FILE: file };
    const run = () => {
      running = new Running([process.execPath, example("bot.ts")], env);
      return running;
    };
    const start = async () => {
      const running = run();
      await running.says("bot is live");
    };
    let running: Running | undefined;

    const asked: number[] = [];
    const ask = async (content: string, more: object = {}) => {
      const body = { clientId: `ask-${asked.length}`, type: 1, body: { content }, ...more };
      const { message } = await ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, body);
      asked.push(message.id);
    };
    const answers: { to: number; text: string }[] = [];
    let came = Promise.withResolvers<void>();
    const client = createClient({ url: server.url, token: ann.token });
    client.on("message", ({ fromUser, message: { body } }) => {
      if (fromUser.uid !== bot.uid || typeof body === "string" || !("content" in body)) return;
      answers.push({ to: body.reply?.id ?? 0, text: body.content });
      came.resolve();
      came = Promise.withResolvers();
    });
    const answered = (count: number) => {
      const all = async () => {
        while (answers.length < count) await came.promise;
      };
      return withDeadline(all(), 15_000, `fewer than ${count} answers`);
    };
    const isLive = new Promise<void>((resolve) => client.on("state", ({ kind }) => kind === "live" && resolve()));
    client.start();
    try {
      await isLive;
      await start();
      const first = readFileSync(file, "utf8");
      await say(ann, room, "not for the bot");
      await ask("/time");
      await ask("@bot hello", { mentions: [bot.uid] });
      await answered(2);
      expect(answers.map(({ text }) => text)).toEqual([
        expect.stringMatching(/^You asked at 20\d\d-/),
        "Echo: @bot hello",
      ]);

      for (let at = 0; at < 12; at++) await ask("/time");
      await answered(3);
      await running?.kill();
      for (let at = 0; at < 5; at++) await ask(`@bot missed ${at}`);
      await start();
      await answered(asked.length);

      // Killed before it wrote down anything: everything is answered again, and nothing is there twice.
      await running?.kill();
      writeFileSync(file, first);
      await start();
      await ask("/time");
      await answered(asked.length);
      expect(answers.map(({ to }) => to)).toEqual(asked);
      const { items } = await ann.api.ok<{ items: { fromUser: { uid: number } }[] }>(
        "GET",
        `/rooms/${room}/messages?limit=100`,
      );
      expect(items.filter(({ fromUser }) => fromUser.uid === bot.uid)).toHaveLength(asked.length);
      // Where its login has ended it signs in anew, and goes on where it was.
      await running?.kill();
      const { token } = JSON.parse(readFileSync(file, "utf8"));
      await new ApiClient(server.url, token).ok("DELETE", "/logins/current");
      await ask("/time");
      const refused = await run().ended();
      expect(refused).toEqual({ code: 1, errors: expect.stringContaining("Cannot sign in") });
      await start();
      await answered(asked.length);
      expect(answers.map(({ to }) => to)).toEqual(asked);
      const devices = await bot.api.ok<{ items: unknown[] }>("GET", "/logins");
      expect(devices.items).toHaveLength(2);
    } finally {
      client.stop();
      await running?.kill();
      await server.stop();
    }
  },
  SLOW_MS,
);

test(
  "a question that the bot could not answer because its login ended is answered by the next start",
  async () => {
    const server = await TestServer.start();
    const door = await Door.open(server.url);
    const [ann, bot] = [await server.person("ann"), await server.person("bot")];
    const room = await server.room(ann, [bot]);
    const file = join(server.dir, "bot-state.json");
    const env = { PARLEY_URL: door.url, PARLEY_NAME: "bot", PARLEY_PASSWORD: PASSWORD, BOT_FILE: file };
    const run = () => {
      running = new Running([process.execPath, example("bot.ts")], env);
      return running;
    };
    let running: Running | undefined;
    const tries = async (count: number) => {
      const all = async () => {
        while (door.lines.filter((line) => line.endsWith("/messages")).length < count) await Bun.sleep(20);
      };
      await withDeadline(all(), 20_000, `the bot has not tried ${count} times to answer`);
    };
    try {
      await run().says("bot is live");
      // The question comes, the answer does not go, and meanwhile the login ends; only answers are told so, at first.
      door.treated.set("other", "busy");
      await say(ann, room, "/time");
      await tries(1);
      for (const kind of ["websocket", "sse", "poll"] as const) door.treated.set(kind, "hold-back");
      const { token } = JSON.parse(readFileSync(file, "utf8"));
      await new ApiClient(server.url, token).ok("DELETE", "/logins/current");
      door.treated.delete("other");
      await tries(door.lines.filter((line) => line.endsWith("/messages")).length + 1);
      door.treated.clear();
      door.cut();
      expect((await running?.ended())?.code).toBe(1);
      expect((await run().ended()).errors).toContain("Cannot sign in");
      const answers = async () => {
        const path = `/rooms/${room}/messages`;
        const { items } = await ann.api.ok<{ items: { fromUser: { uid: number } }[] }>("GET", path);
        return items.filter(({ fromUser }) => fromUser.uid === bot.uid).length;
      };
      expect(await answers()).toBe(0);
      await run().says("bot is live");
      const answered = async () => {
        while ((await answers()) === 0) await Bun.sleep(20);
      };
      await withDeadline(answered(), 15_000, "the question was not answered");
    } finally {
      await running?.kill();
      door.close();
      await server.stop();
    }
  },
  SLOW_MS,
);

test("red dots take no more than 30 lines", () => {
  expect(readFileSync(example("red-dots.html"), "utf8").trimEnd().split("\n").length).toBeLessThanOrEqual(30);
});

describe.skipIf(!executablePath || !node)("the pages, from another origin, in a browser", () => {
  let browser: Browser;
  let server: TestServer;
  let pages: Running;
  let origin: string;
  let ann: Person;
  const complaints: string[] = [];
  const addresses: string[] = [];

  beforeAll(async () => {
    const [port, pagesPort] = [freePort(), freePort()];
    origin = `http://localhost:${pagesPort}`;
    [browser, server] = await Promise.all([
      chromium.launch({ executablePath: executablePath ?? "", args: ["--no-sandbox"] }),
      TestServer.start({ PORT: String(port), ALLOWED_ORIGINS: origin }),
    ]);
    pages = new Running([node ?? "", example("serve.mjs")], { PORT: String(pagesPort), PARLEY_URL: server.url });
    ann = await server.person("Ann");
    await pages.says(`${origin}/page.html`);
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    await pages?.kill();
    await server?.stop();
  }, SLOW_MS);

  /** @param begun is called before the page asks for anything */
  async function open(
    path: string,
    { viewport = { width: 1280, height: 800 }, begun = (_: Page) => {} } = {},
  ): Promise<Page> {
    const page = await (await browser.newContext({ viewport })).newPage();
    page.setDefaultTimeout(30_000);
    page.on("console", (message) => message.type() === "error" && complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => addresses.push(request.url()));
    page.on("websocket", (socket) => addresses.push(socket.url()));
    begun(page);
    await page.goto(`${origin}${path}`);
    return page;
  }

  async function signIn(page: Page, name: string, button = "Sign in"): Promise<void> {
    await page.getByLabel("Name").fill(name);
    await page.getByLabel("Password").fill(PASSWORD);
    await page.getByRole("button", { name: button }).click();
    await page.getByText("Live", { exact: true }).waitFor();
  }

  test(
    "the plain page shows rooms, dots and messages, sends, and goes on after a restart of the server",
    async () => {
      const bob = await server.person("Bob");
      const room = await server.room(ann, [bob], "Plans");
      await say(bob, HALL_ROOM_ID, "hello, hall");
      const page = await open("/page.html");
      await signIn(page, "Bob");
      await page.getByText("hello, hall").waitFor();
      await say(ann, room, "shall we?");
      await say(ann, room, "on Monday?");
      await page.getByRole("button", { name: "Plans 2" }).click();
      await page.getByRole("listitem").filter({ hasText: "Annon Monday?" }).waitFor();
      await page.getByRole("button", { name: "Plans", exact: true }).waitFor();
      expect((await bob.api.ok<{ total: number }>("GET", "/unread")).total).toBe(0);

      await server.restart(() => page.getByText("No connection; trying again").waitFor());
      await say(ann, room, "while the page was away");
      await page.getByText("while the page was away").waitFor();
      await page.getByLabel("Message").fill("Monday it is");
      await page.keyboard.press("Enter");
      await page.getByText("Monday it is").waitFor();
      expect(await page.getByRole("listitem").allInnerTexts()).toEqual([
        "Annshall we?",
        "Annon Monday?",
        "Annwhile the page was away",
        "BobMonday it is",
      ]);
    },
    SLOW_MS,
  );

  test(
    "a message that is recalled while the page reads the room is not shown, and one that was read too late is no complaint",
    async () => {
      const bob = await server.person("Dan");
      const other = await server.room(ann, [bob], "Others");
      await say(ann, other, "said before");
      const room = await server.room(ann, [bob], "Slips");
      const body = { clientId: "slip", type: 1, body: { content: "a slip" } };
      const path = `/rooms/${room}/messages`;
      const { message } = await ann.api.ok<{ message: { id: number } }>("POST", path, body);
      const page = await open("/page.html");
      const recalled = new Promise<void>((resolve) => {
        page.on("websocket", (socket) =>
          socket.on("framereceived", ({ payload }) => String(payload).includes(`"msgId":${message.id}`) && resolve()),
        );
      });
      await signIn(page, "Dan");
      let isFirst = true;
      const old = Promise.withResolvers<void>();
      await page.route(`**/api/v1${path}*`, async (route) => {
        if (!isFirst) return route.continue();
        isFirst = false;
        // The earlier state of the room, which arrives after the event.
        const response = await route.fetch();
        await ann.api.ok("DELETE", `/messages/${message.id}`);
        await recalled;
        await route.fulfill({ response });
        old.resolve();
      });
      await page.getByRole("button", { name: "Slips" }).click();
      await old.promise;
      await say(ann, room, "the end");
      await page.getByText("the end").waitFor();
      expect(await page.getByText("a slip").count()).toBe(0);
      // A room that cannot be read is read when the server is there again.
      let isAway = true;
      await page.route(`**/api/v1/rooms/${other}/messages*`, (route) => (isAway ? route.abort() : route.continue()));
      await page.getByRole("button", { name: "Others" }).click();
      await page.getByText("the end").waitFor({ state: "detached" });
      isAway = false;
      await server.restart(() => page.getByText("No connection; trying again").waitFor());
      await page.getByText("said before").waitFor();
    },
    SLOW_MS,
  );

  test(
    "one makes an account on a phone; a wrong password is said; nothing is wider than the screen",
    async () => {
      const page = await open("/page.html", { viewport: { width: 360, height: 640 } });
      await page.getByLabel("Name").fill("Ann");
      await page.getByLabel("Password").fill("not the password");
      await page.getByRole("button", { name: "Sign in" }).click();
      await page.getByRole("alert").filter({ hasText: /\w/ }).waitFor();
      await signIn(page, "Cleo", "Create account");
      await page.getByLabel("Message").fill("long".repeat(200));
      await page.keyboard.press("Enter");
      await page.getByText("longlong").waitFor();
      const overflow = () => document.documentElement.scrollWidth - document.documentElement.clientWidth;
      expect(await page.evaluate(overflow)).toBe(0);
    },
    SLOW_MS,
  );

  test(
    "red dots in a product count what comes, and are gone when it is read",
    async () => {
      let tokens = 0;
      const listening = Promise.withResolvers<unknown>();
      const begun = (page: Page) => {
        page.on("request", (request) => {
          if (request.url().endsWith("/parley-token")) tokens += 1;
        });
        page.once("websocket", listening.resolve);
      };
      const page = await open("/red-dots.html", { begun });
      await listening.promise;
      const dot = page.locator("#dot");
      await dot.waitFor({ state: "hidden" });
      await say(ann, HALL_ROOM_ID, "one");
      await dot.getByText("1", { exact: true }).waitFor();
      const before = tokens;
      await say(ann, HALL_ROOM_ID, "two");
      await dot.getByText("2", { exact: true }).waitFor();
      await page.getByRole("button", { name: "Messages" }).click();
      await dot.waitFor({ state: "hidden" });
      await say(ann, HALL_ROOM_ID, "three");
      await dot.getByText("1", { exact: true }).waitFor();
      // The product's own backend is not asked for each request.
      expect(tokens).toBe(before);
      await page.reload();
      await dot.getByText("1", { exact: true }).waitFor();
    },
    SLOW_MS,
  );

  test("no browser had anything to complain of, or put a token into an address", () => {
    expect(addresses.filter((url) => TOKEN.test(url) || url.includes("token="))).toEqual([]);
    // What a restart and a wrong password look like in a browser's console.
    expect(complaints.filter((text) => !/WebSocket|net::ERR_|status of 401/.test(text))).toEqual([]);
  });
});
