import { afterEach, beforeAll, describe, expect, test } from "bun:test";
import { TestServer } from "./harness.ts";
import { ServerProcess } from "./server-process.ts";

/*
 * Tests that fail and clean nothing up, for `left-running.test.ts`, which runs this file by itself. What they start is
 * printed; the last one checks whether it is gone, and so does, after the run, the test that started it.
 */
const urls: string[] = [];
const START_MS = 30_000;
/** Both have to start in this time, which is less than a second otherwise. */
const CUT_MS = Number(process.env.CUT_MS);
/** Tests that have ended, however they did. */
let ended = 0;

async function startBoth(): Promise<void> {
  const server = await TestServer.start();
  const process = new ServerProcess();
  await process.start();
  for (const url of [server.url, process.url]) {
    urls.push(url);
    console.log(`started ${url}`);
  }
}

describe("left running", () => {
  afterEach(() => void ended++);
  // A file's clean-up comes before the harness's: what it looks at is still there.
  afterEach(async () => void expect((await fetch(`${urls.at(-1)}/healthz`)).status).toBe(200));

  test(
    "by a test that fails",
    async () => {
      await startBoth();
      throw new Error("as told");
    },
    START_MS,
  );

  test(
    "by a test that is cut by its time limit",
    async () => {
      await startBoth();
      // A test goes on behind its limit.
      if (ended === 1) console.log("in time");
      await new Promise(() => {});
    },
    CUT_MS,
  );
});

test(
  "is gone for the next test",
  async () => {
    expect(urls).toHaveLength(4);
    for (const url of urls) await expect(fetch(url)).rejects.toThrow();
    console.log("nothing left");
  },
  START_MS,
);

describe("started before its tests", () => {
  beforeAll(startBoth, START_MS);

  test.each([1, 2])("runs for all of them: %d", async () => {
    for (const url of urls.slice(4)) expect((await fetch(`${url}/healthz`)).status).toBe(200);
  });
});
