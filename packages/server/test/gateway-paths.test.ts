import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { lastingPort } from "./free-port.ts";
import { type Person, TestServer } from "./harness.ts";
import { exchange, handshakeText } from "./raw-http.ts";

let server: TestServer;
let second: string;
let ann: Person;
beforeAll(async () => {
  const [port, wsPort] = [lastingPort(), lastingPort()];
  second = `http://127.0.0.1:${wsPort}`;
  server = await TestServer.start({ PORT: String(port), WS_PORT: String(wsPort) });
  ann = await server.person("ann");
}, 30_000);
afterAll(() => server.stop());

const portOf = (url: string) => Number(new URL(url).port);

describe("paths of live connections", () => {
  test.each(["/ws", "/websocket", "/"])("GW-1: live connections come in by %s", async (path) => {
    const live = await server.live(ann, { path });
    expect(live.of(Push.READY)).toHaveLength(1);
  });

  test("GW-1: other paths are not for connections", async () => {
    expect((await exchange(portOf(server.url), handshakeText({}, "GET /other HTTP/1.1"))).status).toBe(404);
  });

  test("HTTP-22: a handshake on the second port needs a known host on every path", async () => {
    const wsPort = lastingPort();
    const named = await TestServer.start({
      PORT: String(lastingPort()),
      WS_PORT: String(wsPort),
      PUBLIC_URL: "https://chat.example.com",
    });
    const statusOf = async (host: string, path: string) =>
      (await exchange(wsPort, handshakeText({ Host: host }, `GET ${path} HTTP/1.1`))).status;
    try {
      for (const path of ["/ws", "/metrics", "/healthz"]) expect(await statusOf("evil.example", path)).toBe(421);
      expect(await statusOf("chat.example.com", "/ws")).toBe(101);
    } finally {
      await named.stop();
    }
  });

  test("GW-1: a plain request of / is not taken for a handshake, one of /ws is", async () => {
    const page = await fetch(`${server.url}/`);
    expect(await page.text()).not.toContain("handshake_invalid");
    const reply = await fetch(`${server.url}/ws`);
    expect([reply.status, ((await reply.json()) as { code: string }).code]).toEqual([400, "handshake_invalid"]);
  });

  test.each(["/ws", "/websocket", "/"])("GW-2: the second port has %s too, and hears the same", async (path) => {
    const [here, there] = await Promise.all([server.live(ann), server.live(ann, { url: second, path })]);
    const room = await server.room(ann, []);
    for (const live of [here, there]) {
      await live.frame(Push.MEMBER_CHANGE, (frame) => frame.stream === `room:${room}`);
    }
    await Promise.all([here.echo(), there.echo()]);
    expect(there.stream(`room:${room}`)).toEqual(here.stream(`room:${room}`));
    expect(there.stream(`room:${room}`)).toHaveLength(1);
  });

  test.each([
    ["another version", { "Sec-WebSocket-Version": "8" }, "GET", 426, "upgrade_required"],
    ["no key", { "Sec-WebSocket-Key": null }, "GET", 400, "handshake_invalid"],
    ["a foreign subprotocol", { "Sec-WebSocket-Protocol": "mqtt, stomp" }, "GET", 400, "handshake_invalid"],
    ["a POST", {}, "POST", 405, "method_not_allowed"],
  ] as const)("GW-3: %s is refused with a problem document", async (_, headers, method, status, code) => {
    const reply = await exchange(portOf(server.url), handshakeText(headers, `${method} /ws HTTP/1.1`));
    expect(reply.status).toBe(status);
    expect(reply.headers.get("content-type")).toBe("application/problem+json");
    expect(JSON.parse(reply.body)).toMatchObject({ status, code });
    expect(reply.headers.get("sec-websocket-version")).toBe(status === 426 ? "13" : null);
  });
});

describe("origins", () => {
  const status = async (at: TestServer, headers: Record<string, string>) => {
    const host = new URL(at.url).host;
    return (await exchange(portOf(at.url), handshakeText({ Host: host, ...headers }))).status;
  };

  test("GW-4: pages of other hosts get 403, those of this host and programs come in", async () => {
    const host = new URL(server.url).host;
    expect(await status(server, {})).toBe(101);
    expect(await status(server, { Origin: `http://${host}` })).toBe(101);
    expect(await status(server, { Origin: `https://${host}` })).toBe(101);
    expect(await status(server, { Origin: "https://evil.example" })).toBe(403);
    expect(await status(server, { Origin: `http://${host}.evil.example` })).toBe(403);
    expect(await status(server, { Origin: "null" })).toBe(403);
  });

  test("GW-4: a page of the main port may use the second one", async () => {
    const from = async (origin: string) =>
      (await exchange(portOf(second), handshakeText({ Host: new URL(second).host, Origin: origin }))).status;
    expect(await from(server.url)).toBe(101);
    expect(await from("http://127.0.0.1:1")).toBe(403);
  });

  test("GW-4: ALLOWED_ORIGINS come in too", async () => {
    const open = await TestServer.start({ ALLOWED_ORIGINS: "https://app.example" });
    try {
      expect(await status(open, { Origin: "https://app.example" })).toBe(101);
      expect(await status(open, { Origin: "https://other.example" })).toBe(403);
    } finally {
      await open.stop();
    }
  });

  test("GW-4: the refusal is a problem document", async () => {
    const reply = await exchange(portOf(server.url), handshakeText({ Origin: "https://evil.example" }));
    expect(JSON.parse(reply.body)).toMatchObject({ status: 403, code: "origin_forbidden" });
  });
});
