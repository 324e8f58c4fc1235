import { expect, test } from "bun:test";

const ROOT = new URL("../../..", import.meta.url).pathname;
const FAILING = "./packages/server/test/left-by-failing.ts";

test("tests that fail, or are cut by their time limit, leave no server behind", async () => {
  const run = Bun.spawn([process.execPath, "test", FAILING], { cwd: ROOT, stdout: "pipe", stderr: "pipe" });
  const [out, err] = await Promise.all([new Response(run.stdout).text(), new Response(run.stderr).text()]);
  expect({ code: await run.exited, err }).toEqual({ code: 1, err: expect.stringMatching(/ 3 pass\n 2 fail\n/) });
  expect(out).toContain("nothing left");
  const urls = [...out.matchAll(/^started (\S+)$/gm)].map(([, url]) => url as string);
  expect(urls).toHaveLength(6);
  for (const url of urls) await expect(fetch(url)).rejects.toThrow();
}, 90_000);
