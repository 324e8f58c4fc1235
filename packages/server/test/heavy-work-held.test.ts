import { afterAll, beforeAll, expect, test } from "bun:test";
import { nextTurn } from "../src/lib/interval.ts";
import type { HeavyWork } from "../src/limits/heavy-work.ts";
import { turnOf } from "../src/limits/turn-of-key.ts";
import { ChatFixture, SHOP, SHOP_KEY } from "./chat-fixture.ts";
import { BEN, EventsRig } from "./events-rig.ts";

let chat: ChatFixture;
let ann: number;
let room: number;
beforeAll(async () => {
  chat = await ChatFixture.open({ HALL: "public" });
  [ann] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann);
  await chat.fill("webhooks", ["url", "secret", "created_at"], 1, () => ["http://127.0.0.1:9/", "", 1]);
}, 30_000);
afterAll(() => chat.close());

/** Takes all of a reader's places; they come back with `free`. */
function occupy(heavyWork: HeavyWork, reader: string | number): { free: () => Promise<unknown> } {
  const end = Promise.withResolvers<void>();
  const held = Array.from({ length: 4 }, () => heavyWork.run(reader, () => end.promise));
  return {
    free: () => {
      end.resolve();
      return Promise.all(held);
    },
  };
}

/** Checks that a request is not answered while the places are taken, and is answered afterwards. */
async function waitsFor<T>(heavyWork: HeavyWork, reader: string | number, ask: () => Promise<T>): Promise<T> {
  const places = occupy(heavyWork, reader);
  let answered = false;
  const asked = ask().finally(() => {
    answered = true;
  });
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  expect(answered).toBe(false);
  await places.free();
  return asked;
}

const HEAVY: readonly [method: string, path: string, body: unknown][] = [
  ["GET", "/rooms", undefined],
  ["GET", "/rooms/{id}/members", undefined],
  ["GET", "/rooms/{id}/messages", undefined],
  ["GET", "/messages/{message}/receipts?state=read", undefined],
  ["GET", "/unread", undefined],
  ["GET", "/friend-requests", undefined],
  ["GET", "/friends", undefined],
  ["GET", "/blocks", undefined],
  ["GET", "/me/export", undefined],
  ["GET", "/users?query=p2", undefined],
  ["GET", "/admin/connections", undefined],
  ["GET", "/admin/bans", undefined],
  ["GET", "/admin/keys", undefined],
  ["GET", "/admin/audit", undefined],
  ["GET", "/admin/series?name=connections", undefined],
  ["GET", "/admin/stats", undefined],
  ["GET", "/admin/nodes", undefined],
  ["GET", "/admin/users/20001/live", undefined],
  ["GET", "/admin/webhooks", undefined],
  ["GET", "/admin/webhooks/1/dead-letters", undefined],
  ["GET", "/server/rooms/~{id}/messages", undefined],
  ["POST", "/rooms", { name: "g" }],
  ["POST", "/rooms/{id}/members", { memberIds: [20_001] }],
];

test.each(HEAVY)("HTTP-16: %s %s waits for its turn", async (method, path, body) => {
  const { message } = await chat.say(ann, room, "hello");
  const asked = path.replace("{id}", String(room)).replace("{message}", String(message.id));
  const [who, reader] = path.startsWith("/server/")
    ? ([SHOP_KEY, turnOf(SHOP)] as const)
    : ([path.startsWith("/admin/") ? `admin-${ann}` : ann, ann] as const);
  const reply = await waitsFor(chat.context.heavyWork, reader, () => chat.ask(who, method, asked, body));
  expect(reply.status).toBeLessThan(300);
});

test("HTTP-16: one that is refused leaves its place, and so does one that fails", async () => {
  for (let n = 0; n < 10; n++) expect((await chat.ask(ann, "GET", "/rooms/99/members")).status).toBe(404);
  for (let n = 0; n < 10; n++) expect((await chat.ask(ann, "POST", "/rooms", { memberIds: "all" })).status).toBe(400);
  expect(chat.context.heavyWork.size).toBe(0);
});

test("HTTP-16: where nobody is signed in, the address has the turns", async () => {
  const ask = () => chat.ask(undefined, "GET", "/rooms/1/messages");
  expect((await waitsFor(chat.context.heavyWork, "10.9.0.0", ask)).status).toBe(200);
});

test("HTTP-16: a poll waits for its turn to read, and holds no place while it hangs", async () => {
  const rig = await EventsRig.open();
  await rig.say(3);
  const cursor = `${rig.log.scratch.epoch};*@0`;
  const reply = await waitsFor(rig.heavyWork, BEN, () => rig.poll({ cursor }));
  expect(reply.frames).toHaveLength(3);
  const controller = new AbortController();
  const hung = Array.from({ length: 3 }, () => rig.poll({ waitMs: 60_000, signal: controller.signal }));
  while (rig.polls.hanging < 3) await nextTurn();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect([rig.polls.hanging, rig.heavyWork.size]).toEqual([3, 0]);
  controller.abort();
  await Promise.all(hung);
  await rig.close();
});
