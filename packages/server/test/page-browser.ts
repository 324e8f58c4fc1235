import { expect } from "bun:test";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";
import { lastingPort } from "./free-port.ts";
import { type Person, type Settings, TestServer } from "./harness.ts";
import { endLater } from "./left-running.ts";

/** Bun's own limit is meant for tests without a browser. */
export const SLOW_MS = 60_000;
/** The password of everybody here. */
export const PASSWORD = "a long password";

interface OpenOptions extends BrowserContextOptions {
  /** Another window of the same browser; by default it is a browser that has never been here. */
  readonly from?: Page;
  /** Runs in the page before anything else does. */
  readonly script?: () => void;
}

/** A token, wherever it stands. An id of a QR code is random, so `pl_` may be in it, but fewer characters come behind that. */
export const TOKEN = /pl_[\w-]{20}/;

/** A server, and browsers in front of the page that it shows at /. */
export class PageBrowser {
  readonly server: TestServer;
  readonly #browser: Browser;
  /** What the browsers complained about, and what they requested, in all windows. */
  readonly #complaints: string[] = [];
  readonly #asked: string[] = [];

  readonly #ended = endLater(() => this.#browser.close());

  private constructor(server: TestServer, browser: Browser) {
    this.server = server;
    this.#browser = browser;
  }

  /** @param args additional arguments for the browser's command line */
  static async start(executablePath: string, settings: Settings = {}, args: string[] = []): Promise<PageBrowser> {
    const [server, browser] = await Promise.all([
      // A page finds its server again only at the same address.
      TestServer.start({ PORT: String(lastingPort()), ...settings }),
      chromium.launch({ executablePath, args: ["--no-sandbox", ...args] }),
    ]);
    return new PageBrowser(server, browser);
  }

  async close(): Promise<void> {
    this.#ended();
    await this.#browser.close();
    await this.server.stop();
  }

  async open(path = "/", { from, script, ...options }: OpenOptions = {}): Promise<Page> {
    const context = from?.context() ?? (await this.#browser.newContext({ timezoneId: zoneAtNoon(), ...options }));
    context.setDefaultTimeout(30_000);
    if (script) await context.addInitScript(script);
    const page = await context.newPage();
    page.on("console", (message) => {
      // The browser also logs a refusal that the page shows.
      if (message.type() === "error" && !message.text().includes("the server responded with a status of 4")) {
        this.#complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => this.#complaints.push(error.message));
    page.on("request", (request) => {
      // An address that contains its answer makes no request.
      if (!request.url().startsWith("data:")) this.#asked.push(request.url());
    });
    page.on("websocket", (socket) => this.#asked.push(socket.url()));
    await page.goto(new URL(path, this.server.url).href);
    return page;
  }

  async signedIn(person: Person): Promise<Page> {
    const page = await this.open();
    await fill(page, person.name, PASSWORD);
    await submit(page);
    await live(page);
    return page;
  }

  /** What the browsers complained about, in all windows. */
  get complaints(): readonly string[] {
    return this.#complaints;
  }

  /** The WebSockets that were opened so far. */
  get sockets(): number {
    return this.#asked.filter((url) => url.startsWith("ws")).length;
  }

  /** The requests that match. */
  askedFor(pattern: RegExp): string[] {
    return this.#asked.filter((url) => pattern.test(url));
  }

  /** Checks that no browser complained about anything, asked another host, or put a token into an address. */
  expectQuiet(): void {
    const origins = new Set(this.#asked.map((url) => new URL(url.replace(/^ws/, "http")).origin));
    expect([...origins]).toEqual([this.server.url]);
    expect(this.#asked.filter((url) => TOKEN.test(url) || url.includes("token"))).toEqual([]);
    // This is how a restart looks in a browser's console.
    expect(this.#complaints.filter((text) => !/WebSocket|net::ERR_|status of 503/.test(text))).toEqual([]);
  }
}

export const live = (page: Page) => page.locator('[data-status="live"]').waitFor();
export const bubble = (page: Page, text: string) => page.locator(".bubble", { hasText: text }).last();
export const submit = (page: Page) => page.locator("form button[type=submit]").click();

export async function fill(page: Page, name: string, password: string): Promise<void> {
  await page.getByLabel("Name").fill(name);
  await page.getByLabel("Password").fill(password);
}

export async function write(page: Page, text: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(text);
  await page.keyboard.press("Enter");
}

/** The text of the QR code on the page. */
export async function loginUrlOf(page: Page): Promise<string> {
  const code = page.locator("[data-login-url]");
  await code.waitFor();
  await page.getByRole("img", { name: "QR code for signing in" }).waitFor();
  return (await code.getAttribute("data-login-url")) ?? "";
}

/** A time zone where it is about noon, so that no day ends while a page is looked at. The sign in its name means the opposite of the usual one. */
function zoneAtNoon(): string {
  const ahead = 12 - new Date().getUTCHours();
  return `Etc/GMT${ahead > 0 ? "-" : "+"}${Math.abs(ahead)}`;
}
