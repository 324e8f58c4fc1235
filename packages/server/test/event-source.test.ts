import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Person, say } from "./harness.ts";
import { needs } from "./needs.ts";
import { PageBrowser, SLOW_MS } from "./page-browser.ts";

const executablePath = needs("chromium");

declare global {
  /** `<seq> <text>` of each message, and `open` at each connection. */
  var heard: string[];
}

let browser: PageBrowser;
beforeAll(async () => {
  if (executablePath) browser = await PageBrowser.start(executablePath);
}, SLOW_MS);
afterAll(() => browser?.close(), SLOW_MS);

test.skipIf(!executablePath)(
  "TR-22: a browser's own EventSource comes back by itself after each cut, and misses nothing",
  async () => {
    const { server } = browser;
    const [ann, ben] = (await Promise.all([server.person("ann"), server.person("ben")])) as [Person, Person];
    const room = await server.room(ann, [ben]);
    const page = await browser.open();
    await page.evaluate(
      ({ token, stream }) => {
        globalThis.heard = [];
        const source = new EventSource(`/api/v1/events/stream?token=${token}`);
        source.onopen = () => heard.push("open");
        source.onmessage = ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.stream === stream) heard.push(`${frame.seq} ${frame.data.message.body.content}`);
        };
      },
      { token: ben.token, stream: `room:${room}` },
    );
    const opened = (times: number) =>
      page.waitForFunction((times) => heard.filter((one) => one === "open").length >= times, times);
    const has = (text: string) => page.waitForFunction((text) => heard.some((one) => one.endsWith(text)), text);
    await opened(1);
    await say(ann, room, "first");
    await has("first");
    for (const cut of [1, 2]) {
      for (const connection of server.hub.ofUser(ben.uid)) connection.cut();
      for (let i = 0; i < 5; i++) await say(ann, room, `away ${cut} ${i}`);
      await opened(1 + cut);
      await say(ann, room, `back ${cut}`);
      await has(`back ${cut}`);
    }
    const seqs = (await page.evaluate(() => heard))
      .filter((one) => one !== "open")
      .map((one) => Number.parseInt(one, 10));
    // Repeats are allowed after the last id; a reader that drops them has everything, in order.
    const had = seqs.filter((seq, index) => seq > Math.max(0, ...seqs.slice(0, index)));
    expect(had).toEqual(Array.from({ length: 13 }, (_, i) => i + 2));
    await page.close();
  },
  SLOW_MS,
);
