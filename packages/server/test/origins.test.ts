import { afterEach, expect, test } from "bun:test";
import { TestServer } from "./harness.ts";
import { exchange, handshakeText } from "./raw-http.ts";

let server: TestServer;
afterEach(() => server.stop());

async function handshake(origin: string): Promise<number> {
  const { host, port } = new URL(server.url);
  return (await exchange(Number(port), handshakeText({ Host: host, Origin: origin }))).status;
}

const ask = (origin: string, method = "GET") =>
  fetch(`${server.url}/api/v1/doctor`, {
    method,
    headers: { Origin: origin, ...(method === "OPTIONS" && { "Access-Control-Request-Method": "GET" }) },
  });

/** Names of the headers that let a page read the reply. */
const corsHeaders = ({ headers }: Response) => [...headers.keys()].filter((name) => name.startsWith("access-control-"));

const APPS = ["capacitor://localhost", "tauri://localhost", "chrome-extension://abcdef"];

test("GW-4, HTTP-8: apps with a scheme of their own come in where they are listed, and others do not", async () => {
  server = await TestServer.start({ ALLOWED_ORIGINS: APPS.join(","), PUBLIC_URL: "https://chat.example" });
  for (const app of APPS) {
    expect(await handshake(app)).toBe(101);
    const [reply, preflight] = [await ask(app), await ask(app, "OPTIONS")];
    expect([reply.status, preflight.status]).toEqual([200, 204]);
    for (const one of [reply, preflight]) expect(one.headers.get("Access-Control-Allow-Origin")).toBe(app);
  }
  for (const other of ["capacitor://other", "ionic://localhost", "tauri://localhost.evil.example"]) {
    expect([await handshake(other), (await ask(other, "OPTIONS")).status]).toEqual([403, 403]);
  }
  // The host in an app's origin is not a name of this server.
  const { port } = new URL(server.url);
  expect((await exchange(Number(port), "GET /api/v1/doctor HTTP/1.1\r\nHost: abcdef\r\n\r\n")).status).toBe(421);
});

test("GW-4: the address of the WebSocket itself counts as this host", async () => {
  server = await TestServer.start();
  const { host } = new URL(server.url);
  expect([await handshake(`ws://${host}`), await handshake(`wss://${host}`)]).toEqual([101, 101]);
  expect(await handshake(`ws://${host}.evil.example`)).toBe(403);
});

test("HTTP-53: a refused origin is named once, whichever door it came to", async () => {
  server = await TestServer.start({ LOG_LEVEL: "warn", ALLOWED_ORIGINS: "https://a.example" });
  for (let n = 0; n < 2; n++) {
    expect(await handshake("https://b.example")).toBe(403);
    expect((await ask("https://b.example", "OPTIONS")).status).toBe(403);
    expect((await ask("https://b.example")).status).toBe(200);
  }
  await ask("https://c.example");
  await handshake("https://d.example");
  await ask("https://a.example");
  const named = server.log.flatMap(
    (line) => /pages of (\S+) are refused.*ALLOWED_ORIGINS=([^"]*)/.exec(line)?.slice(1) ?? [],
  );
  expect(named).toEqual([
    ...["https://b.example", "https://a.example,https://b.example"],
    ...["https://c.example", "https://a.example,https://c.example"],
    ...["https://d.example", "https://a.example,https://d.example"],
  ]);
});

test("HTTP-52: with CORS=proxy no reply has the headers, and other pages are refused as before", async () => {
  server = await TestServer.start({ CORS: "proxy", ALLOWED_ORIGINS: "https://a.example" });
  const own = new URL(server.url).origin;
  for (const origin of [own, "https://a.example"]) {
    const [reply, preflight] = [await ask(origin), await ask(origin, "OPTIONS")];
    expect([reply.status, preflight.status]).toEqual([200, 204]);
    for (const one of [reply, preflight]) expect([corsHeaders(one), one.headers.get("Vary")]).toEqual([[], null]);
  }
  const foreign = await ask("https://b.example", "OPTIONS");
  expect([foreign.status, corsHeaders(foreign)]).toEqual([403, []]);
  expect([await handshake("https://a.example"), await handshake("https://b.example")]).toEqual([101, 403]);
  const made = await fetch(`${server.url}/api/v1/qr-logins`, {
    method: "POST",
    headers: { Origin: "https://b.example" },
  });
  expect(made.status).toBe(403);
});
