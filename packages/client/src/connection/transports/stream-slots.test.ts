import { expect, test } from "bun:test";
import { OneBrowser } from "../../../test/rig/one-browser.ts";
import { inSlot } from "./stream-slots.ts";
import type { Start, Transport, TransportEvents } from "./transport.ts";

const URL = "https://im.example.com";

/** Windows of one browser, each of which opens a transport. */
function rig(browser = new OneBrowser()) {
  const open = (url = URL) => {
    const told: string[] = [];
    const abort = new AbortController();
    const real: Transport = {
      name: "sse",
      open: () => {
        told.push("opened");
        return {};
      },
    };
    const on = { ended: ({ kind }) => void told.push(kind) } as TransportEvents;
    const locks = browser as never;
    inSlot(real, { url, locks }).open({ signal: abort.signal } as Start, on);
    return { told, abort };
  };
  return { browser, open };
}
const turns = async () => {
  for (let turn = 0; turn < 100; turn++) await Promise.resolve();
};

test("SDK-63: four windows keep a connection to a server, and the place of one that ends is the next one's", async () => {
  const { browser, open } = rig();
  const windows = [1, 2, 3, 4, 5].map(() => open());
  await turns();
  expect(windows.map(({ told }) => told.join())).toEqual(["opened", "opened", "opened", "opened", "unsuited"]);
  windows[1]?.abort.abort();
  await turns();
  expect(browser.held).toBe(3);
  const next = open();
  const elsewhere = open("https://other.example.com");
  await turns();
  expect([next.told, elsewhere.told]).toEqual([["opened"], ["opened"]]);
});

test("SDK-63: one that was ended meanwhile opens nothing and keeps nothing", async () => {
  const { browser, open } = rig();
  const { told, abort } = open();
  abort.abort();
  await turns();
  expect([told, browser.held]).toEqual([[], 0]);
});

test("SDK-63: one that has lost its place to another window ends, to take another one", async () => {
  const { browser, open } = rig();
  const { told, abort } = open();
  await turns();
  void browser.request(`parley:stream 0 ${URL}`, { steal: true }, () => new Promise(() => {}));
  await turns();
  expect(told).toEqual(["opened", "failed"]);
  abort.abort();
});

test("SDK-61: where the browser refuses its locks each window has its own", async () => {
  const { browser, open } = rig();
  browser.refusal = new DOMException("a page in a sandbox", "SecurityError");
  const windows = [1, 2, 3, 4, 5].map(() => open());
  await turns();
  expect(windows.map(({ told }) => told.join())).toEqual(Array(5).fill("opened"));
});
