import { afterAll, beforeAll, expect, test } from "bun:test";
import { TestServer } from "./harness.ts";

let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
afterAll(() => server.stop());

test("HTTP-11: /metrics is for requests from loopback itself, not for those that a proxy there forwards", async () => {
  const status = async (headers: Record<string, string>) => (await fetch(`${server.url}/metrics`, { headers })).status;
  expect(await status({})).toBe(200);
  expect(await status({ "X-Forwarded-For": "203.0.113.9" })).toBe(403);
  expect(await status({ "X-Forwarded-For": "127.0.0.1" })).toBe(403);
});

test("HTTP-11: closes are counted by our own codes; a client cannot make new labels", async () => {
  const odd = new WebSocket(`${server.url.replace("http", "ws")}/ws`);
  await new Promise((resolve) => {
    odd.onopen = resolve;
  });
  const ended = new Promise((resolve) => {
    odd.onclose = resolve;
  });
  odd.close(3777, "mine");
  await ended;
  const page = await (await fetch(`${server.url}/metrics`)).text();
  expect(page).toContain('parley_closes_total{code="other"} 1');
  expect(page).not.toContain('"3777"');
});

test("HTTP-9: a handshake that is refused is named, counted and logged like any other request", async () => {
  const answer = await fetch(`${server.url}/ws?token=pl_secret`);
  expect(answer.status).toBe(400);
  const requestId = answer.headers.get("X-Request-Id");
  expect(requestId).toBeString();
  const line = server.log.map((text) => JSON.parse(text)).find((one) => one.requestId === requestId);
  expect(line).toMatchObject({ method: "GET", path: "/ws", status: 400, ip: "127.0.0.1" });
  expect(JSON.stringify(line)).not.toContain("pl_secret");
  const page = await (await fetch(`${server.url}/metrics`)).text();
  expect(page).toContain('parley_http_requests_total{method="GET",route="/ws",status="400"} 1');
});
