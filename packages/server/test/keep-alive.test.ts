import { afterEach, expect, spyOn, test } from "bun:test";
import { SIZES } from "../src/limits/sizes.ts";
import { TestServer } from "./harness.ts";

/** The runtime looks at its idle connections every 4 s, and counts the step in which one began (docs/runtime-deviations.md). */
const STEP_SECONDS = 4;
/** Balancers keep their connections for 60 s; this is a little more. */
const KEPT_SECONDS = 75;
/** The most that a poll needs to read and write after it has hung for as long as it may. */
const ANSWER_SECONDS = 15;

let server: TestServer;
afterEach(() => server.stop());

test("HTTP-51: both ports keep a connection for 75 s, and a poll for longer than it may hang", async () => {
  using serve = spyOn(Bun, "serve");
  server = await TestServer.start({ WS_PORT: "0" });
  const kept = serve.mock.calls.map(([options]) => (options as { idleTimeout: number }).idleTimeout - STEP_SECONDS);
  expect(kept).toHaveLength(2);
  for (const seconds of kept) {
    expect(seconds).toBeGreaterThanOrEqual(KEPT_SECONDS);
    expect(seconds).toBeGreaterThanOrEqual(SIZES.pollWait.count + ANSWER_SECONDS);
  }
});

test("HTTP-51: no route leaves the connection a shorter time for what is asked next", async () => {
  using serve = spyOn(Bun, "serve");
  server = await TestServer.start();
  const timeout = spyOn(serve.mock.results[0]?.value as Bun.Server<unknown>, "timeout");
  const ann = await server.person("ann");
  const { cursor } = await ann.api.ok<{ cursor: string }>("GET", "/events");
  const { code, secret } = await ann.api.ok<{ code: string; secret: string }>("POST", "/qr-logins");
  await Promise.all([
    ann.api.ok("GET", `/events?wait=1&cursor=${encodeURIComponent(cursor)}`),
    ann.api.call("POST", "/events", { wait: 1, cursor }),
    ann.api.call("GET", `/qr-logins/${code}?wait=0.2`, undefined, { "X-QR-Secret": secret }),
  ]);
  expect(timeout).not.toHaveBeenCalled();
}, 20_000);
