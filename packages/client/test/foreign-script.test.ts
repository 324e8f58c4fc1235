import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { needs } from "../../server/test/needs.ts";
import { PageBrowser, SLOW_MS } from "../../server/test/page-browser.ts";
import "./rig/product-site.ts";

const executablePath = needs("chromium");

describe.skipIf(!executablePath)("the script in a page of another origin, as the README shows it", () => {
  let browser: PageBrowser;
  let site: Bun.Server<undefined>;

  beforeAll(async () => {
    let script = "";
    site = Bun.serve({
      hostname: "127.0.0.1",
      port: 0,
      routes: {
        "/free": () => page(""),
        "/strict": () => page(`script-src ${script}; worker-src 'self'`),
      },
      fetch: () => new Response("", { status: 404 }),
    });
    const page = (policy: string) =>
      new Response(`<!doctype html><title>A product</title><script src="${script}"></script>`, {
        headers: { "Content-Type": "text/html", "Content-Security-Policy": policy },
      });
    browser = await PageBrowser.start(executablePath ?? "", { ALLOWED_ORIGINS: `http://127.0.0.1:${site.port}` });
    script = `${browser.server.url}/parley-client.js`;
  }, SLOW_MS);
  afterAll(async () => {
    await browser?.close();
    await site?.stop(true);
  }, SLOW_MS);

  /** Opens a page there, waits until its client is live, and returns its warnings. */
  async function warningsAt(path: string): Promise<string[]> {
    const { token } = await browser.server.person(`Ada ${path.slice(1)}`);
    const tab = await browser.open(`http://127.0.0.1:${site.port}${path}`);
    return tab.evaluate(
      ([url = "", token = ""]) =>
        new Promise<string[]>((resolve) => {
          const warnings: string[] = [];
          // On a busy machine a worker takes longer to load than a person would wait for it.
          const patient = { timing: { workerMs: 15_000 } };
          const client = Parley.createClient({ url, token, onWarning: (text) => warnings.push(text) }, patient);
          client.on("state", ({ kind }) => {
            if (kind === "live") resolve(warnings);
          });
          client.start();
        }),
      [browser.server.url, token],
    );
  }

  test("SDK-62: it has its worker", async () => expect(await warningsAt("/free")).toEqual([]), SLOW_MS);

  test(
    "SDK-62: where the page's policy allows none, the client works without, and says so once",
    async () => {
      const warnings = await warningsAt("/strict");
      expect(warnings).toHaveLength(1);
      expect(warnings[0]).toContain("worker");
    },
    SLOW_MS,
  );
});
