import { expect, test } from "bun:test";
import { clientScript } from "./client-script.ts";

test("SDK-51: the server hands out the client and its worker; browsers ask again and get 304", async () => {
  const routes = clientScript();
  const first = await routes.request("/parley-client.js");
  expect(first.headers.get("Content-Type")).toBe("text/javascript; charset=utf-8");
  expect(first.headers.get("Cache-Control")).toBe("no-cache");
  expect(await first.text()).toContain("createClient");
  const etag = first.headers.get("ETag") ?? "";
  const again = await routes.request("/parley-client.js?v=1", { headers: { "If-None-Match": etag } });
  expect([again.status, await again.text()]).toEqual([304, ""]);
  expect(again.headers.get("Cache-Control")).toContain("immutable");
  expect(await (await routes.request("/parley-heartbeat.js")).text()).toContain("postMessage");
});

test("SDK-51: they are built once, at the first request; a build that failed is tried again", async () => {
  let builds = 0;
  const routes = clientScript(async (source) => {
    builds += 1;
    if (builds === 1) throw new Error("a test's full disk");
    return source;
  });
  routes.onError((_, c) => c.text("", 500));
  expect(builds).toBe(0);
  expect((await routes.request("/parley-client.js")).status).toBe(500);
  expect(await (await routes.request("/parley-client.js")).text()).toBe("global.ts");
  expect(await (await routes.request("/parley-heartbeat.js")).text()).toBe("heartbeat-worker.js");
  expect(builds).toBe(4);
});
