import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runDoctor } from "../src/cli/doctor.ts";
import { administrator } from "./administrator.ts";
import { faultyProxy } from "./examined-server.ts";
import { lastingPort } from "./free-port.ts";
import { type Person, TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { selfSigned } from "./self-signed.ts";

const openssl = needs("openssl");

/** `parley doctor` with a token, on a whole server and through what is in front of it. */
const wsPort = lastingPort();
let server: TestServer;
let root: Person;
beforeAll(async () => {
  server = await TestServer.start({ PORT: `${lastingPort()}`, WS_PORT: `${wsPort}` });
  root = await administrator(server, "root");
}, 30_000);
afterAll(() => server.stop());

async function doctor(...args: string[]) {
  const lines: string[] = [];
  const code = await runDoctor(args, (line) => lines.push(line));
  return { code, lines, text: lines.join("\n") };
}

test("DOC-1: all is well where every check was done", async () => {
  const { code, lines } = await doctor(server.url, "--token", root.token, "--idle", "1");
  expect(lines.slice(3)).toEqual([
    "info  trusted proxies: 127.0.0.0/8, ::1/128",
    "ok    a WebSocket connection opens, and frames pass both ways",
    "ok    a connection without pushes stayed open for 1 s",
    "ok    the token signs a WebSocket connection in",
    "ok    a WebSocket connection to /websocket opens too",
    `ok    a WebSocket connection to port ${wsPort} opens too`,
    "ok    SSE arrives at once",
    "ok    the CORS headers come once",
    "All is well.",
  ]);
  expect(code).toBe(0);
}, 30_000);

test("DOC-1: without a token it says what was not checked, and not that all is well", async () => {
  const { code, text } = await doctor(server.url, "--idle", "1");
  expect(text).toContain("skip  whether a proxy holds pushes over SSE back was not checked; --token TOKEN does");
  expect(text).toContain("skip  whether a token gets through a WebSocket handshake was not checked");
  expect(text).toEndWith("What was checked is well. 2 checks were not done.");
  expect(code).toBe(0);
}, 30_000);

test("DOC-1: a token that is not valid is said first", async () => {
  const { code, text } = await doctor(server.url, "--token", "pl_never_given_out");
  expect(text).toContain("fail  the token of --token is not valid, or a proxy changes the Authorization header");
  expect(code).toBe(1);
}, 30_000);

test.each<[what: string, rewrite: (head: string) => string, said: string]>([
  [
    "drops the subprotocol",
    (head) => head.replace(/Sec-WebSocket-Protocol: [^\r]*\r\n/i, ""),
    "fail  the token does not sign a WebSocket connection in: a proxy drops the Sec-WebSocket-Protocol header",
  ],
  [
    "changes the subprotocol",
    (head) => head.replace(/(Sec-WebSocket-Protocol: parley, )[^\r]*/i, "$1pl_never_given_out"),
    "fail  the token is not taken on a WebSocket connection, though it is over HTTP",
  ],
])(
  "DOC-1: a proxy that %s",
  async (_, rewrite, said) => {
    const proxy = await faultyProxy(Number(new URL(server.url).port), { rewrite });
    const { code, text } = await doctor(`http://127.0.0.1:${proxy.port}`, "--token", root.token);
    proxy.stop();
    expect(text).toContain(said);
    expect(text).toContain("ok    a WebSocket connection opens, and frames pass both ways");
    expect(code).toBe(1);
  },
  30_000,
);

test.skipIf(!openssl)(
  "DOC-1: a certificate that nobody else signed is named, with the setting that trusts it",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-test-"));
    const { cert, key } = selfSigned(openssl as string, dir);
    const secure = await TestServer.start({ TLS_CERT: cert, TLS_KEY: key });
    try {
      const { code, text } = await doctor(`https://127.0.0.1:${new URL(secure.url).port}`);
      expect(text).toMatch(/its certificate is not valid \(\w+\); if you signed it yourself, set NODE_EXTRA_CA_CERTS/);
      expect(code).toBe(1);
    } finally {
      await secure.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  },
);
