import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient, type TransportName } from "@parley/client";
import { openKeyRing } from "../../packages/server/src/cli/key-ring.ts";
import { withDeadline } from "../../packages/server/src/lib/interval.ts";
import { lastingPort } from "../../packages/server/test/free-port.ts";
import { ServerProcess } from "../../packages/server/test/server-process.ts";
import { Running } from "../running.fixture.ts";
import { ISSUER } from "./tokens.ts";

const ORDERS = 8;
const TRANSPORTS: readonly TransportName[] = ["websocket", "sse", "long-poll", "short-poll"];
const SLOW_MS = 180_000;
/** Within this time a server that was killed is there again. */
const ASK_MS = 60_000;

const [parleyPort, shopPort] = [lastingPort(), lastingPort()];
const shopUrl = `http://127.0.0.1:${shopPort}`;
const dir = mkdtempSync(join(tmpdir(), "parley-shop-"));
const parley = new ServerProcess({
  PORT: `${parleyPort}`,
  LOG_LEVEL: "fatal",
  JWT_JWKS_URL: `${shopUrl}/keys`,
  JWT_ALGORITHM: "ES256",
  JWT_ISSUER: ISSUER,
  JWT_AUDIENCE: "parley",
});
let shop: Running;
let key: string;

async function openShop(): Promise<void> {
  const env = { PARLEY_URL: parley.url, PARLEY_KEY: key, PORT: `${shopPort}`, SHOP_DIR: join(dir, "shop") };
  shop = new Running([process.execPath, join(import.meta.dir, "shop.ts")], env);
  await shop.says("The shop is open");
}

beforeAll(async () => {
  await parley.start();
  const ring = await openKeyRing(parley);
  ({ key } = await ring.add({
    name: "shop",
    scopes: ["users", "notifications", "events"],
    expiresAt: null,
    rate: null,
  }));
  await ring.close();
  await openShop();
}, 60_000);
afterAll(async () => {
  await shop.kill();
  await parley.remove();
  rmSync(dir, { recursive: true });
}, 30_000);

/** Like a page or an app: asks the shop again and again, until there is an answer. */
async function ask(path: string, body: object, token = ""): Promise<Response> {
  for (const deadline = performance.now() + ASK_MS; performance.now() < deadline; ) {
    const request = { method: "POST", body: JSON.stringify(body), headers: { Authorization: `Bearer ${token}` } };
    const response = await fetch(`${shopUrl}${path}`, request).catch(() => undefined);
    if (response?.ok) return response;
    await Bun.sleep(50);
  }
  throw new Error(`${path} was not answered`);
}

const signIn = async (user: string) => (await ask("/sign-in", { user })).text();

/** One device of somebody: what it was told, in order, and its dot. */
function device(user: string, transport: TransportName) {
  const client = createClient({ url: parley.url, transports: [transport], token: () => signIn(user) });
  const seen = { events: [] as string[], notices: new Set<number>(), done: new Set<number>(), dot: 0 };
  const waiting = new Set<() => void>();
  const changed = () => {
    for (const look of [...waiting]) look();
  };
  client.on("custom", ({ kind, data }) => {
    seen.events.push(`${kind} ${(data as { order: number }).order}`);
    changed();
  });
  client.on("notification", (notice) => {
    seen.notices.add(notice.id);
    if ("done" in notice && notice.done) seen.done.add(notice.id);
    changed();
  });
  const dot = (count: number | undefined) => {
    if (count !== undefined) seen.dot = count;
    changed();
  };
  client.on("red_dot", ({ notifications }) => dot(notifications));
  client.on("state", changed);
  client.on("self", ({ unseen }) => dot(unseen));
  client.start();
  // Polls do not bring the dot: it is what the list says.
  const isTold = transport === "websocket" || transport === "sse";
  return {
    client,
    seen,
    hasDot: (count: number) => (isTold ? seen.dot : seen.notices.size - seen.done.size) === count,
    async until(is: () => boolean): Promise<void> {
      const { promise, resolve } = Promise.withResolvers<void>();
      const look = () => is() && resolve();
      waiting.add(look);
      look();
      const state = () => JSON.stringify({ ...seen, notices: seen.notices.size, done: seen.done.size });
      await withDeadline(promise, 60_000, "it did not come in time").catch((error) => {
        throw new Error(`${user} by ${transport}: ${error.message}: ${state()}`);
      });
    },
  };
}

test(
  "an order, its approval and the dots reach every device once, by each transport, though both servers are killed",
  async () => {
    const ada = TRANSPORTS.map((transport) => device("ada", transport));
    const boss = TRANSPORTS.map((transport) => device("boss", transport));
    const all = [...ada, ...boss];
    await Promise.all(all.map(({ client, until }) => until(() => client.state.kind === "live")));
    const [adas, boss1] = [await signIn("ada"), await signIn("boss")];
    for (let n = 1; n <= ORDERS; n++) {
      const { id } = (await (await ask("/orders", { request: `r${n}`, item: `tea ${n}` }, adas)).json()) as {
        id: number;
      };
      // Right after the answer, while people are being told.
      if (n === 2 || n === 6) {
        await parley.kill();
        await parley.start();
      }
      if (n === 3) {
        await shop.kill();
        await openShop();
      }
      await ask(`/orders/${id}/approve`, {}, boss1);
      if (n === 4) {
        await shop.kill();
        await parley.kill();
        await parley.start();
        await openShop();
      }
    }
    const expected = Array.from({ length: ORDERS }, (_, n) => [
      `order.placed ${n + 1}`,
      `order.approved ${n + 1}`,
    ]).flat();
    await Promise.all([
      ...ada.map(({ seen, hasDot, until }) => until(() => seen.events.length >= expected.length && hasDot(ORDERS))),
      ...boss.map(({ seen, hasDot, until }) => until(() => seen.done.size === ORDERS && hasDot(0))),
    ]);
    for (const { seen } of ada) expect(seen.events).toEqual(expected);
    for (const { seen } of boss) expect([seen.notices.size, seen.events]).toEqual([ORDERS, []]);
    for (const { client } of all) client.stop();
  },
  SLOW_MS,
);
