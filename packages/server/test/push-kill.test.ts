import { expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { openKeyRing } from "../src/cli/key-ring.ts";
import { ApiClient } from "./api-client.ts";
import type { SeenFrame } from "./live-client.ts";
import { readNotices } from "./notice-client.ts";
import { ServerProcess } from "./server-process.ts";

const PUSHES = 120;

/** An event or a notification; it is the same request every time. */
const requestOf = (n: number): [path: string, body: object] => {
  const shared = { to: { users: ["ada", "ben"] }, kind: "a", dedupeKey: `${n}` };
  return n % 2 === 0 ? ["/events", { ...shared, data: n }] : ["/notifications", { ...shared, title: `${n}`, text: "" }];
};

test("EVT-6, NTF-5, EVT-2: after kill -9 in the middle, everything that was answered comes once, and the same requests again bring the rest", async () => {
  const server = new ServerProcess();
  await server.start();
  const ring = await openKeyRing(server);
  const { key } = await ring.add({
    name: "shop",
    scopes: ["users", "tokens", "events", "notifications"],
    ...{ expiresAt: null, rate: null },
  });
  await ring.close();
  const door = () => new ApiClient(server.url, key, "/server");
  await door().ok("POST", "/users", { items: [{ externalId: "ada" }, { externalId: "ben" }] });
  const { token } = await door().ok<{ token: string }>("POST", "/users/ada/tokens");
  const ada = () => new ApiClient(server.url, token);
  const { cursor } = await ada().ok<{ cursor: string }>("GET", "/events");

  const answered = new Map<number, unknown>();
  const left = Array.from({ length: PUSHES }, (_, n) => n);
  const first = door();
  let killed: Promise<unknown> | undefined;
  const sender = async () => {
    for (let n = left.shift(); n !== undefined; n = left.shift()) {
      const reply = await first.ok("POST", ...requestOf(n)).catch(() => undefined);
      if (!reply) return;
      answered.set(n, reply);
      // The server is killed right after a reply, while others are under way.
      if (answered.size === 30) killed = server.kill();
    }
  };
  await Promise.all(Array.from({ length: 8 }, sender));
  await killed;
  expect(answered.size).toBeWithin(30, PUSHES);

  await server.start();
  for (let n = 0; n < PUSHES; n++) {
    const reply = await door().call("POST", ...requestOf(n));
    if (answered.has(n)) expect([reply.status, reply.body as unknown]).toEqual([200, answered.get(n)]);
    else expect([200, 201]).toContain(reply.status);
  }
  const { events, more } = await ada().ok<{ events: SeenFrame[]; more: boolean }>(
    "GET",
    `/events?cursor=${cursor}&limit=1000`,
  );
  expect(more).toBe(false);
  const told = events.flatMap(({ type, data }) =>
    type === Push.CUSTOM ? [data.data] : type === Push.NOTIFICATION ? [Number(data.title)] : [],
  );
  expect(told.toSorted((a, b) => a - b)).toEqual(Array.from({ length: PUSHES }, (_, n) => n));
  const { shown } = await readNotices(ada());
  expect([shown.list.length, shown.unseen, shown.unread]).toEqual([PUSHES / 2, PUSHES / 2, PUSHES / 2]);
  await server.remove();
}, 60_000);
