import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { needs } from "../test/needs.ts";
import { selfSigned } from "../test/self-signed.ts";
import type { TlsPair } from "./config/tls-files.ts";
import { nextTurn, withDeadline } from "./lib/interval.ts";
import { uptimeMs } from "./lib/uptime.ts";
import { type OpenListener, Ports } from "./ports.ts";

const openssl = needs("openssl");
let dir: string;
let pairs: TlsPair[];
let ports: Ports | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-ports-"));
  pairs = ["a", "b"].map((name) => {
    const { cert, key } = selfSigned(openssl as string, dir, name);
    return { cert: readFileSync(cert), key: readFileSync(key) };
  });
});
afterEach(async () => {
  await ports?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** Opens listeners that tell sockets what is published to "all". */
const open: OpenListener = ({ tls, port = 0 }) =>
  Bun.serve({
    ...{ hostname: "127.0.0.1", port, reusePort: true, ...(tls && { tls: { ...tls } }) },
    fetch: (request, server) => (server.upgrade(request, { data: {} as never }) ? undefined : new Response("here")),
    websocket: { data: {} as never, message: () => {}, open: (socket) => void socket.subscribe("all") },
  });

function opened(opens: OpenListener[]): Ports {
  ports = new Ports(
    opens,
    opens.map((one) => one({ tls: pairs[0] })),
  );
  return ports;
}

const ask = async (port: number) => {
  const url = `https://127.0.0.1:${port}/`;
  return (await fetch(url, { tls: { rejectUnauthorized: false }, keepalive: false })).text();
};

const fingerprintOf = (pair: TlsPair | undefined) => new X509Certificate(pair?.cert ?? "").fingerprint256;

/** The certificate that a new connection is shown, by its fingerprint. */
function shownAt(port: number): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on("error", reject);
  return withDeadline(promise, 5000, "no handshake");
}

async function until(is: () => boolean): Promise<void> {
  const deadlineMs = uptimeMs() + 5000;
  while (!is() && uptimeMs() < deadlineMs) await nextTurn();
  expect(is()).toBe(true);
}

test.skipIf(!openssl)(
  "GW-71: an earlier listener goes with its last connection, and gets what is published until then",
  async () => {
    const ports = opened([open]);
    const { port } = ports;
    const options = { tls: { rejectUnauthorized: false } } as unknown as string[];
    const socket = new WebSocket(`wss://127.0.0.1:${port}/`, options);
    const got: string[] = [];
    socket.onmessage = ({ data }) => void got.push(data);
    await new Promise((resolve) => {
      socket.onopen = resolve;
    });
    await ports.renew(pairs[1] as TlsPair);
    expect([ports.port, ports.size, await ask(port)]).toEqual([port, 2, "here"]);
    ports.publish("all", "one");
    await until(() => got.length > 0);
    expect(got).toEqual(["one"]);
    socket.close();
    await until(() => ports.size === 1);
    expect(await ask(port)).toBe("here");
  },
);

test.skipIf(!openssl)("GW-71: where one port cannot be opened anew, all stay as they are", async () => {
  let fails = false;
  const failing: OpenListener = (at) => {
    if (fails) throw new Error("no such port");
    return open(at);
  };
  const ports = opened([open, failing]);
  fails = true;
  await expect(ports.renew(pairs[1] as TlsPair)).rejects.toThrow("no such port");
  expect(ports.size).toBe(2);
  // What was opened until then is closed again.
  for (let n = 0; n < 20; n++) expect(await shownAt(ports.port)).toBe(fingerprintOf(pairs[0]));
  fails = false;
  await ports.renew(pairs[1] as TlsPair);
  await until(() => ports.size === 2);
  expect(await shownAt(ports.port)).toBe(fingerprintOf(pairs[1]));
});
