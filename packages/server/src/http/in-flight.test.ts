import { expect, test } from "bun:test";
import { Hono } from "hono";
import { createLogger } from "../ops/logger.ts";
import type { AppEnv } from "./app-env.ts";
import { errorHandler } from "./errors.ts";
import { holdReply } from "./held-reply.ts";
import { boundInFlight } from "./in-flight.ts";

/** An app whose one route answers when the test says so, and another that holds its reply. */
function slowApp(most?: number) {
  const waiting: (() => void)[] = [];
  const app = new Hono<AppEnv>();
  app.onError(errorHandler(createLogger({ level: "silent", sink: { write: () => {} } })));
  app.use(boundInFlight(most));
  app.get("/slow", async (c) => {
    await new Promise<void>((resolve) => waiting.push(resolve));
    return c.text("done");
  });
  app.get("/fails", async () => {
    throw new Error("broken");
  });
  app.get("/held", () => holdReply(new Promise(() => {})));
  const ask = (path: string, ip = "203.0.113.9") => app.request(path, {}, { ip });
  return { ask, waiting };
}

test("HTTP-20: of one address 256 requests are worked on at once, whatever the others do", async () => {
  const { ask, waiting } = slowApp();
  const asked = Array.from({ length: 256 }, () => ask("/slow"));
  const refused = await ask("/slow");
  expect([refused.status, refused.headers.get("Retry-After")]).toEqual([429, "1"]);
  expect(await refused.json()).toMatchObject({ code: "rate_limited" });
  const other = ask("/slow", "203.0.113.10");
  waiting.shift()?.();
  await asked[0];
  const again = ask("/slow");
  for (const answer of waiting) answer();
  waiting.length = 0;
  expect((await Promise.all([...asked, other, again])).every(({ status }) => status === 200)).toBe(true);
  expect(waiting).toEqual([]);
});

test("HTTP-20: an IPv6 /64 is one address, and requests that fail or are held count no longer", async () => {
  const { ask, waiting } = slowApp(2);
  for (let n = 0; n < 3; n++) expect((await ask("/fails")).status).toBe(500);
  for (let n = 0; n < 3; n++) expect((await ask("/held")).status).toBe(200);
  const both = [ask("/slow", "2001:db8::1"), ask("/slow", "2001:db8::2")];
  expect((await ask("/slow", "2001:db8::3")).status).toBe(429);
  for (const answer of waiting) answer();
  await Promise.all(both);
});
