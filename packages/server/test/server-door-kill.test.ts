import { expect, test } from "bun:test";
import { openKeyRing } from "../src/cli/key-ring.ts";
import { ApiClient } from "./api-client.ts";
import { ServerProcess } from "./server-process.ts";

interface Items {
  items: { status: number; body: { message: { id: number; seq: number } } }[];
}

const LISTS = 60;
const EACH = 50;

/** A list that may already have been stored: it is the same request every time. */
const listOf = (list: number) =>
  Array.from({ length: EACH }, (_, n) => ({
    ...{ room: "shop", from: "ada", clientId: `${list}-${n}`, type: 1, body: { content: `${list}-${n}` } },
  }));

test("SRV-42: after kill -9 in the middle, everything that was answered is there once, and the same lists again store the rest", async () => {
  const server = new ServerProcess();
  await server.start();
  const ring = await openKeyRing(server);
  const { key } = await ring.add({ name: "shop", scopes: ["users", "rooms", "messages"], expiresAt: null, rate: null });
  await ring.close();
  const door = () => new ApiClient(server.url, key, "/server");
  await door().ok("PUT", "/users/ada", {});
  await door().ok("PUT", "/rooms/shop", {});
  await door().ok("POST", "/rooms/shop/members", { add: ["ada"] });

  const answered = new Map<number, number[]>();
  let killed: Promise<unknown> | undefined;
  const first = door();
  const lists = Array.from({ length: LISTS }, (_, list) => list);
  /** Sends one list after another, so that most are still to come when the server ends. */
  const sender = async () => {
    for (let list = lists.shift(); list !== undefined; list = lists.shift()) {
      const reply = await first.ok<Items>("POST", "/messages", { items: listOf(list) }).catch(() => undefined);
      if (!reply) return;
      answered.set(
        list,
        reply.items.map(({ body }) => body.message.id),
      );
      // The server is killed right after a reply, while others are under way.
      if (answered.size === 5) killed = server.kill();
    }
  };
  await Promise.all(Array.from({ length: 4 }, sender));
  await killed;
  expect(answered.size).toBeWithin(5, LISTS);

  await server.start();
  for (let list = 0; list < LISTS; list++) {
    const { items } = await door().ok<Items>("POST", "/messages", { items: listOf(list) });
    const ids = items.map(({ body }) => body.message.id);
    const before = answered.get(list);
    if (before) expect(ids).toEqual(before);
    if (before) expect(items.every(({ status }) => status === 200)).toBe(true);
    // A list is stored whole or not at all.
    expect(new Set(items.map(({ status }) => status)).size).toBe(1);
  }
  const texts: string[] = [];
  for (let cursor = ""; ; ) {
    const page: { items: { message: { body: { content: string } } }[]; nextCursor: string | null } = await door().ok(
      "GET",
      `/rooms/shop/messages?limit=100&cursor=${cursor}`,
    );
    texts.push(...page.items.map(({ message }) => message.body.content));
    if (page.nextCursor === null) break;
    cursor = page.nextCursor;
  }
  expect(texts).toHaveLength(LISTS * EACH);
  expect(new Set(texts).size).toBe(LISTS * EACH);
  await server.remove();
}, 60_000);
