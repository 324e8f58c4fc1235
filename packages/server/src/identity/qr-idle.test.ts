import { afterEach, beforeEach, expect, test } from "bun:test";
import { type IdentityApp, openIdentityApp } from "../../test/identity-app.ts";
import { rawRequest, requestText } from "../../test/raw-http.ts";
import { withDeadline } from "../lib/interval.ts";

let app: IdentityApp;
beforeEach(async () => {
  app = await openIdentityApp();
});
afterEach(() => app.close());

test("ID-33, HTTP-21: after a poll of a QR code has waited, its connection is closed when nothing more comes", async () => {
  const { code, secret } = (await app.ask("/qr-logins", { method: "POST" })).body;
  const bytes = requestText(`GET /api/v1/qr-logins/${code}?wait=0.5 HTTP/1.1`, { Host: "x", "X-QR-Secret": secret });
  const { promise: ended, resolve: onEnd } = Promise.withResolvers<void>();
  const { socket, answered } = rawRequest({ url: app.url.href, bytes, onBytes: () => {}, onEnd });
  try {
    expect((await answered).status).toBe(200);
    await withDeadline(ended, 30_000, "the connection stayed open");
  } finally {
    socket.destroy();
  }
}, 40_000);
