import type { Page } from "playwright-core";
import type { PageBrowser } from "../../../server/test/page-browser.ts";
import { buildClient } from "../../build.ts";
import type { createClient } from "../../src/index.ts";
import type { Timing } from "../../src/lib/timing.ts";

/** What the script adds to a page. */
declare global {
  var Parley: { createClient: typeof createClient };
  var client: ReturnType<typeof createClient>;
  /** `<stream>@<seq> <text>` of each logged event, in the order in which they came. */
  var seen: string[];
  /** How many heartbeats were sent. */
  var beats: number;
  /** Undoes what a test did to a tab. */
  var thaw: () => void;
}

/** A product's page on its own origin, which allows only its own scripts. */
export class ProductSite {
  readonly #server: Bun.Server<undefined>;

  private constructor(server: Bun.Server<undefined>) {
    this.#server = server;
  }

  static async open(): Promise<ProductSite> {
    const files = await buildClient();
    const script = (text: string) => new Response(text, { headers: { "Content-Type": "text/javascript" } });
    const policy = "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src *";
    const html = '<!doctype html><title>A product</title><script src="/parley-client.js"></script>';
    const page = (policy: string) =>
      new Response(html, { headers: { "Content-Type": "text/html", "Content-Security-Policy": policy } });
    const server = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      routes: {
        "/": () => page(policy),
        // This is like a frame with `sandbox="allow-scripts"`.
        "/sandboxed": () => page(`${policy}; sandbox allow-scripts`),
        "/parley-client.js": () => script(files["parley-client.global.js"]),
        "/parley-heartbeat.js": () => script(files["heartbeat-worker.js"]),
      },
      fetch: () => new Response("", { status: 404 }),
    });
    return new ProductSite(server);
  }

  get origin(): string {
    return `http://127.0.0.1:${this.#server.port}`;
  }

  close(): Promise<void> {
    return this.#server.stop(true);
  }

  /** A new browser for one person. */
  profile(browser: PageBrowser): Profile {
    return new Profile(browser, this.origin);
  }
}

/** What has to come within seconds for a person has more time here: a browser on a busy machine takes long to load a worker or a page. */
const PATIENT = { workerMs: 15_000, openMs: 15_000, readyMs: 15_000 };

/** One person's browser: its tabs share what it stores, and its locks. */
export class Profile {
  readonly #browser: PageBrowser;
  readonly #origin: string;
  #first: Page | undefined;

  constructor(browser: PageBrowser, origin: string) {
    this.#browser = browser;
    this.#origin = origin;
  }

  setOffline(isOffline: boolean): Promise<void> | undefined {
    return this.#first?.context().setOffline(isOffline);
  }

  async close(): Promise<void> {
    await this.#first?.context().close();
  }

  /**
   * A new tab with a client that has started.
   * @param asleep the page's intervals never fire, as in a hidden tab
   * @param path of the page
   */
  async tab(
    options: object,
    { asleep = false, path = "/", ...timing }: Partial<Timing> & { asleep?: boolean; path?: string } = {},
  ): Promise<Tab> {
    const page = await this.#browser.open(`${this.#origin}${path}`, this.#first ? { from: this.#first } : {});
    this.#first ??= page;
    const tab = new Tab(page);
    await page.evaluate(
      ([options, timing, asleep]) => {
        globalThis.seen = [];
        globalThis.beats = 0;
        const { send } = WebSocket.prototype;
        WebSocket.prototype.send = function (text) {
          if (text === '{"type":2}') globalThis.beats += 1;
          send.call(this, text);
        };
        if (asleep) globalThis.setInterval = (() => 0) as never;
        globalThis.client = Parley.createClient(options as never, { timing } as never);
        client.on("event", ({ stream, seq, type, data }) => {
          const message = type === 4 ? (data as { message: { body: { content: string } } }).message : undefined;
          if (stream !== undefined) seen.push(`${stream}@${seq} ${message?.body.content ?? ""}`);
        });
        client.start();
      },
      [options, { ...PATIENT, ...timing }, asleep] as const,
    );
    return tab;
  }
}

export class Tab {
  readonly page: Page;
  readonly sockets: string[] = [];

  constructor(page: Page) {
    this.page = page;
    page.on("websocket", (socket) => this.sockets.push(socket.url()));
  }

  async live(transport?: string): Promise<void> {
    const is = (wanted: string | undefined) => {
      const { state } = globalThis.client;
      return state.kind === "live" && (wanted === undefined || state.transport === wanted);
    };
    await this.page.waitForFunction(is, transport, { timeout: 30_000 });
  }

  transport(): Promise<string> {
    return this.page.evaluate(() => {
      const { state } = globalThis.client;
      return state.kind === "live" ? state.transport : state.kind;
    });
  }

  async said(text: string): Promise<void> {
    await this.page.waitForFunction((text) => globalThis.seen.some((line) => line.endsWith(` ${text}`)), text, {
      timeout: 30_000,
    });
  }

  /** The logged events of one stream. */
  async seen(stream: string): Promise<string[]> {
    const lines = await this.page.evaluate(() => globalThis.seen);
    return lines.filter((line) => line.startsWith(`${stream}@`));
  }
}
