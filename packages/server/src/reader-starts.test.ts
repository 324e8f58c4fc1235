import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Cursor, roomStream } from "@parley/protocol";
import { ChatFixture } from "../test/chat-fixture.ts";
import { fillRooms } from "../test/filled-rooms.ts";
import { openReader, type ReadDatabase } from "./db/open.ts";
import { systemClock } from "./lib/clock.ts";
import { ReaderStarts } from "./reader-starts.ts";

const HALL = { access: "members", send: "everyone" } as const;
let chat: ChatFixture;
let statements: string[];
let db: ReadDatabase;
let starts: ReaderStarts;
beforeEach(async () => {
  chat = await ChatFixture.open();
  statements = [];
  db = openReader(chat.scratch.place, { log: ({ query }) => void statements.push(query.sql) });
  starts = new ReaderStarts({ clock: systemClock, db, epoch: chat.scratch.epoch, hall: HALL });
});
afterEach(async () => {
  await db.destroy();
  await chat.close();
});

const from = (floor: number, streams: [string, number][] = []): Cursor => ({
  epoch: chat.scratch.epoch,
  floor,
  streams: new Map(streams),
});

const roomsIn = (streams: readonly { stream: string }[]) =>
  streams.map(({ stream }) => stream).filter((stream) => /^room:(?!1$)/.test(stream));

test("TR-11: all who start in one turn are answered by as many statements as one", async () => {
  const people = await chat.people(40);
  const [ann = 0, ...others] = people;
  const room = await chat.group(ann, others);
  await chat.say(ann, room, "hello");
  const ask = (uid: number) => Promise.all([starts.windowsOf({ uid, cursor: from(0) }), starts.redDotOf(uid)]);
  await ask(ann);
  const one = statements.length;
  statements.length = 0;
  const found = await Promise.all(people.map(ask));
  expect(statements.length).toBe(one);
  expect(one).toBeLessThanOrEqual(6);
  for (const [index, [{ streams, end }, redDot]] of found.entries()) {
    expect(roomsIn(streams)).toEqual([roomStream(room)]);
    expect(redDot).toMatchObject({ total: index === 0 ? 0 : 1, asOf: `${chat.scratch.epoch};*@${end}` });
  }
}, 20_000);

test("TR-11: people with more than 2 000 rooms together, or one alone, are read in pieces, with a turn for everybody else in between", async () => {
  const [ann, bob, cem] = (await chat.people(3)) as [number, number, number];
  await fillRooms(chat, [ann], { each: 1500, first: 10_000 });
  await fillRooms(chat, [bob], { each: 1500, first: 20_000 });
  await fillRooms(chat, [cem], { each: 4001, first: 30_000 });
  let turns = 0;
  let over = false;
  const count = () => {
    turns += 1;
    if (!over) setImmediate(count);
  };
  const reading = Promise.all([ann, bob, cem].map((uid) => starts.windowsOf({ uid, cursor: from(0) })));
  setImmediate(count);
  const windows = await reading;
  over = true;
  expect(windows.map(({ streams }) => roomsIn(streams).length)).toEqual([1500, 1500, 4001]);
  expect(new Set(roomsIn(windows[2]?.streams ?? [])).size).toBe(4001);
  // Together, then ann alone, bob and cem together, bob, and cem in three pages.
  expect(turns).toBeGreaterThanOrEqual(6);
  const largest = statements.filter((text) => text.includes('from "members"') || text.includes('join "members"'));
  expect(largest.length).toBeGreaterThanOrEqual(7);
  expect((await starts.redDotOf(cem)).total).toBe(4001);
}, 20_000);

test("TR-11: however many start in one turn, nobody's rooms are read twice", async () => {
  const people = await chat.people(190);
  await fillRooms(chat, people, { each: 22, first: 10_000 });
  const windows = await Promise.all(people.map((uid) => starts.windowsOf({ uid, cursor: from(0) })));
  expect(new Set(windows.flatMap(({ streams }) => roomsIn(streams))).size).toBe(190 * 22);
  expect(statements.filter((text) => text.includes('join "members"')).length).toBe(3);
}, 20_000);

test("GW-90: of one person two starts are answered together, and nobody else waits for the others", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const order: string[] = [];
  const start = async (who: string, uid: number) => {
    await Promise.all([starts.windowsOf({ uid, cursor: from(0) }), starts.redDotOf(uid), starts.roomsOf(uid)]);
    order.push(who);
  };
  await Promise.all([...Array.from({ length: 6 }, (_, n) => start(`ann${n}`, ann)), start("bob", bob)]);
  expect(order).toEqual(["ann0", "ann1", "bob", "ann2", "ann3", "ann4", "ann5"]);
  // Three batches, each of which asks for ann's rooms.
  expect(statements.filter((text) => text.includes('join "members"')).length).toBe(3);
});

test("CUR-3: two devices of one person that start in one turn each get the past rooms that their own cursor asks for", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const old = await chat.group(ann, [bob]);
  await chat.must(bob, "DELETE", `/rooms/${old}/members/${bob}`);
  const since = chat.events(roomStream(old)).at(-1)?.pos as number;
  const now = await chat.group(ann, [bob]);
  const windowsFrom = (cursor: Cursor) => starts.windowsOf({ uid: bob, cursor });
  const found = await Promise.all([
    windowsFrom(from(since)),
    windowsFrom(from(0)),
    windowsFrom(from(since, [[roomStream(old), 1]])),
  ]);
  expect(found.map(({ streams }) => roomsIn(streams))).toEqual([
    [roomStream(now)],
    [roomStream(old), roomStream(now)],
    [roomStream(old), roomStream(now)],
  ]);
});

test("IM-70: what is unread counts present rooms only, the hall first, and nothing of the hall where it is off", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const [stay, leave, ended] = [
    await chat.group(ann, [bob]),
    await chat.group(ann, [bob]),
    await chat.group(ann, [bob]),
  ];
  for (const room of [stay, leave, ended, 1]) await chat.say(ann, room, "unread");
  await chat.say(ann, stay, "another");
  await chat.must(bob, "DELETE", `/rooms/${leave}/members/${bob}`);
  await chat.must(ann, "DELETE", `/rooms/${ended}`);
  expect(await starts.redDotOf(bob)).toMatchObject({
    total: 3,
    rooms: [
      { roomId: 1, unread: 1 },
      { roomId: stay, unread: 2 },
    ],
  });
  const off = new ReaderStarts({ clock: systemClock, db, epoch: chat.scratch.epoch, hall: { ...HALL, access: "off" } });
  expect(await off.redDotOf(bob)).toMatchObject({ total: 2, rooms: [{ roomId: stay, unread: 2 }] });
});
