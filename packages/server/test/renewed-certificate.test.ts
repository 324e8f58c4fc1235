import { afterEach, beforeEach, expect, test } from "bun:test";
import { X509Certificate } from "node:crypto";
import { copyFileSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { Push } from "@parley/protocol";
import { delay, withDeadline } from "../src/lib/interval.ts";
import { uptimeMs } from "../src/lib/uptime.ts";
import { say, TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { selfSigned } from "./self-signed.ts";

const openssl = needs("openssl");
let dir: string;
let server: TestServer | undefined;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "parley-renewed-"));
});
afterEach(async () => {
  await server?.stop();
  rmSync(dir, { recursive: true, force: true });
});

/** The certificate that a new connection is shown, by its fingerprint. */
function shownBy(url: string): Promise<string> {
  const { hostname, port } = new URL(url);
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
    resolve(socket.getPeerCertificate().fingerprint256);
    socket.destroy();
  });
  socket.on("error", reject);
  return withDeadline(promise, 5000, "no handshake");
}

const fingerprintOf = (file: string) => new X509Certificate(readFileSync(file)).fingerprint256;

test.skipIf(!openssl)(
  "GW-71: a renewed certificate is shown to new connections, and open ones live on",
  async () => {
    const first = selfSigned(openssl as string, dir, "first");
    const second = selfSigned(openssl as string, dir, "second");
    const files = { cert: join(dir, "cert.pem"), key: join(dir, "key.pem") };
    const use = (pair: typeof files) => {
      copyFileSync(pair.cert, files.cert);
      copyFileSync(pair.key, files.key);
    };
    use(first);
    server = await TestServer.start({ TLS_CERT: files.cert, TLS_KEY: files.key, LOG_LEVEL: "info" });
    const { url, log } = server;
    const [ann, ben] = [await server.person("ann"), await server.person("ben")];
    const room = await server.room(ann, [ben]);
    // It says nothing, and has to be open until the certificate was renewed.
    const before = await server.live(ben, { path: "/ws?idle=120" });
    expect(await shownBy(url)).toBe(fingerprintOf(first.cert));

    use(second);
    const deadlineMs = uptimeMs() + 40_000;
    while (!log.some((line) => line.includes("the certificate was renewed"))) {
      await delay(20);
      if (uptimeMs() > deadlineMs) throw new Error("it was not renewed");
    }
    for (let n = 0; n < 20; n++) expect(await shownBy(url)).toBe(fingerprintOf(second.cert));

    // What is published reaches both kinds, and both are served.
    const after = await server.live(ann);
    await say(ann, room, "to all");
    for (const one of [before, after]) await one.frame(Push.MESSAGE);
    before.send({ type: 102, data: { roomId: room } });
    await after.frame(Push.TYPING);

    await server.restart();
    for (const one of [before, after]) {
      expect([(await one.ended()).code, one.of(Push.DRAIN).length]).toEqual([1012, 1]);
    }
  },
  90_000,
);

test.skipIf(!openssl)(
  "GW-71: a port that another server uses is refused with TLS too, though certificates share it",
  async () => {
    const { cert, key } = selfSigned(openssl as string, dir);
    server = await TestServer.start({ TLS_CERT: cert, TLS_KEY: key });
    const { port } = new URL(server.url);
    const another = TestServer.start({ TLS_CERT: cert, TLS_KEY: key, PORT: port });
    await expect(another).rejects.toThrow(`Port ${port} is in use. Stop what uses it, or set PORT to another.`);
  },
);
