import { expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Push } from "@parley/protocol";
import { say, TestServer } from "./harness.ts";
import { needs } from "./needs.ts";
import { selfSigned } from "./self-signed.ts";

const openssl = needs("openssl");

test.skipIf(!openssl)(
  "GW-70: with TLS_CERT and TLS_KEY the same ports speak https and wss",
  async () => {
    const dir = mkdtempSync(join(tmpdir(), "parley-tls-"));
    const { cert, key } = selfSigned(openssl as string, dir);
    const server = await TestServer.start({ TLS_CERT: cert, TLS_KEY: key });
    try {
      expect(server.url).toStartWith("https://");
      const ann = await server.person("ann");
      const room = await server.room(ann, []);
      const live = await server.live(ann);
      await say(ann, room, "over TLS");
      await live.frame(Push.MESSAGE);
      await server.live(ann, { path: "/", headers: { Origin: server.url } });
      const screen = await server.connect();
      screen.send({ type: 1 });
      expect((await screen.frame(Push.LOGIN_URL)).data.loginUrl).toStartWith("https://");
      const { headers } = await fetch(`${server.url}/healthz`, { tls: { rejectUnauthorized: false } });
      expect(headers.get("Strict-Transport-Security")).toBe("max-age=15552000");
      // Clear text is not answered on that port.
      const plain = fetch(server.url.replace("https", "http")).then(
        (reply) => reply.status,
        () => 0,
      );
      expect(await plain).not.toBe(200);
    } finally {
      await server.stop();
      rmSync(dir, { recursive: true, force: true });
    }
  },
  30_000,
);
