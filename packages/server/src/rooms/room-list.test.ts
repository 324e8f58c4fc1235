import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { messageTexts } from "../messages/message-rows.ts";
import { HallCount } from "./hall.ts";
import { conversations } from "./room-list.ts";

let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open();
});
afterEach(() => chat.close());

const ids = (page: { items: { id: number }[] }) => page.items.map(({ id }) => id);

test("IM-53: newest activity first: a message, or joining; the silent hall is last", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const first = await chat.group(ann, [bob], "first");
  const second = await chat.group(bob, [ann], "second");
  const direct = (await chat.must(bob, "POST", "/rooms/direct", { userId: ann })).id;
  expect(ids(await chat.must(ann, "GET", "/rooms"))).toEqual([direct, second, first, 1]);
  await chat.say(bob, first, "news");
  const { items, asOf } = await chat.must(ann, "GET", "/rooms");
  expect(items.map(({ id }: { id: number }) => id)).toEqual([first, direct, second, 1]);
  expect(items[0]).toMatchObject({
    name: "first",
    role: 1,
    unread: 1,
    readSeq: 1,
    seq: 2,
    pinned: false,
    muted: false,
    lastMessage: { fromUser: { uid: bob }, message: { body: { content: "news" } } },
  });
  expect(items[1]).toMatchObject({ name: `p${bob}`, userId: bob, lastMessage: null, unread: 0 });
  expect(asOf).toBe(`${chat.scratch.epoch};*@${chat.scratch.events.at(-1)?.pos}`);
  await chat.say(bob, 1, "hello all");
  expect(ids(await chat.must(ann, "GET", "/rooms"))).toEqual([1, first, direct, second]);
  // Rooms that were dissolved or left are in nobody's list.
  await chat.must(bob, "DELETE", `/rooms/${second}`);
  await chat.must(bob, "DELETE", `/rooms/${first}/members/${bob}`);
  expect(ids(await chat.must(ann, "GET", "/rooms"))).toEqual([1, first, direct]);
  expect(ids(await chat.must(bob, "GET", "/rooms"))).toEqual([1, direct]);
});

test("IM-53: pages hold each room once, the hall wherever it belongs", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const rooms: number[] = [];
  for (let n = 0; n < 4; n++) rooms.unshift(await chat.group(ann, [bob], `g${n}`));
  await chat.say(bob, 1, "hello all");
  rooms.unshift(1);
  for (let n = 4; n < 7; n++) rooms.unshift(await chat.group(ann, [bob], `g${n}`));
  for (const limit of [1, 2, 3, 4, 7, 8, 9]) {
    const pages = await chat.pages<{ id: number }>(ann, `/rooms?limit=${limit}`);
    expect(pages.every((items) => items.length > 0)).toBe(true);
    expect(pages.flat().map(({ id }) => id)).toEqual(rooms);
  }
});

test("the number of statements does not grow with the rooms", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const list = () =>
    chat.statements((tx) => {
      const context = {
        hall: { access: "members", send: "everyone" },
        hallCount: new HallCount(),
        messageTexts,
      } as const;
      const actor = { uid: ann, power: 0 } as const;
      return conversations(context, tx.db, {
        actor,
        before: undefined,
        limit: 50,
        now: chat.clock.now(),
        shows: () => {},
      });
    });
  await chat.must(bob, "POST", "/rooms/direct", { userId: ann });
  await chat.say(ann, await chat.group(ann, [bob]), "hello");
  const few = await list();
  expect(few).toBeGreaterThan(3);
  for (let n = 0; n < 30; n++) await chat.say(ann, await chat.group(ann, [bob]), "hello");
  for (const other of await chat.people(10)) await chat.must(ann, "POST", "/rooms/direct", { userId: other });
  expect(await list()).toBe(few);
});
