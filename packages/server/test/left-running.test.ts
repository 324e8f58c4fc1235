import { expect, test } from "bun:test";

const ROOT = new URL("../../..", import.meta.url).pathname;
const FAILING = "./packages/server/test/left-by-failing.ts";

/** @param cutMs the time limit of the test that is cut by it */
async function failing(cutMs: number) {
  const run = Bun.spawn([process.execPath, "test", "--timeout=20000", FAILING], {
    cwd: ROOT,
    env: { ...process.env, CUT_MS: `${cutMs}` },
    stdout: "pipe",
    stderr: "pipe",
  });
  const [out, err] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
  const urls = [...out.matchAll(/^started (\S+)$/gm)].map(([, url]) => url as string);
  return { code: await run.exited, out, err, urls };
}

test("tests that fail, or are cut by their time limit, leave no server behind", async () => {
  let { code, out, err, urls } = await failing(8_000);
  // On a machine that has much else to do a test may be cut before it has started anything, and then it has shown nothing.
  if (!out.includes("in time")) ({ code, out, err, urls } = await failing(60_000));
  expect({ code, err }).toEqual({ code: 1, err: expect.stringMatching(/ 3 pass\n 2 fail\n/) });
  expect(out).toContain("nothing left");
  expect(urls).toHaveLength(6);
  for (const url of urls) await expect(fetch(url)).rejects.toThrow();
}, 300_000);
