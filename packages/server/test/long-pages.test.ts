/** Pages of long messages end early, and all of them together contain everything. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { ChatFixture } from "./chat-fixture.ts";

const LONG = "😀".repeat(4096);
const MOST = 262_144;
/** A message as a page shows it, beside its text. */
const REST = 500;

let chat: ChatFixture;
let ann: number;
let room: number;
const ids: number[] = [];
beforeAll(async () => {
  chat = await ChatFixture.open();
  [ann] = (await chat.people(1)) as [number];
  room = await chat.group(ann);
  for (let n = 0; n < 80; n++) ids.push((await chat.say(ann, room, LONG)).message.id);
}, 30_000);
afterAll(() => chat.close());

interface Shown {
  readonly message: { readonly id: number };
}

/** No page is longer than allowed, and each except the last has as much as fits. */
function checkPages(pages: readonly (readonly unknown[])[]): void {
  const lengths = pages.map((items) => JSON.stringify(items).length);
  for (const length of lengths) expect(length).toBeLessThan(MOST + REST * 100);
  for (const length of lengths.slice(0, -1)) expect(length).toBeGreaterThan(MOST - LONG.length - REST);
}

test("HTTP-32: history backwards and forwards", async () => {
  const back = await chat.pages<Shown>(ann, `/rooms/${room}/messages?limit=100`);
  checkPages(back);
  expect(back.toReversed().flatMap((items) => items.map(({ message }) => message.id))).toEqual(ids);
  const forth = await chat.pages<Shown>(ann, `/rooms/${room}/messages?limit=100&after=0`);
  checkPages(forth);
  expect(forth.flatMap((items) => items.map(({ message }) => message.id))).toEqual(ids);
  expect(forth.length).toBeGreaterThan(2);
});

test("HTTP-32: an export", async () => {
  const pages: { id: number }[][] = [];
  for (let cursor: string | null = ""; cursor !== null; ) {
    const { messages } = await chat.must(ann, "GET", `/me/export?cursor=${cursor}`);
    pages.push(messages.items);
    cursor = messages.nextCursor;
  }
  checkPages(pages);
  expect(pages.length).toBeGreaterThan(2);
  expect(
    pages
      .flat()
      .map(({ id }) => id)
      .sort((a, b) => a - b),
  ).toEqual(ids);
});

test("HTTP-32: rooms with their last messages", async () => {
  const rooms = [room];
  for (let n = 0; n < 40; n++) rooms.push(await chat.group(ann));
  for (const id of rooms.slice(1)) await chat.say(ann, id, LONG);
  const pages = await chat.pages<{ id: number; lastMessage: { message: { body: { content: string } } } }>(
    ann,
    "/rooms?limit=100",
  );
  checkPages(pages);
  const listed = pages.flat().filter(({ id }) => id !== 1);
  expect(listed.map(({ id }) => id)).toEqual([...rooms.slice(1).reverse(), room]);
  expect(listed.every(({ lastMessage }) => lastMessage.message.body.content === LONG)).toBe(true);
}, 20_000);
