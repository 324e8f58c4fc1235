import { afterEach, beforeEach, expect, test } from "bun:test";
import { HALL_ROOM_ID, Push } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { sendMessage } from "../messages/message-actions.ts";
import { markRead, tellReads } from "./read-writes.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, cem] = (await chat.people(3)) as [number, number, number];
  room = await chat.group(ann, [bob]);
});
afterEach(() => chat.close());

const input = (uid: number, seq: number, { roomId = room, tell = false } = {}) => ({
  ...{ actor: { uid, power: 0 as const }, roomId },
  ...{ seq, tell },
});
/** All in one batch, since they are asked in one turn. */
const mark = (...inputs: ReturnType<typeof input>[]) =>
  Promise.allSettled(inputs.map((one) => chat.scratch.writes.run(markRead, one)));
const placeOf = (uid: number, roomId = room) =>
  chat.scratch.db
    .selectFrom("room_reads")
    .select(["read_seq as readSeq", "read_no as readNo"])
    .where("uid", "=", uid)
    .where("room_id", "=", roomId)
    .executeTakeFirst();
const told = (uid: number) =>
  chat
    .eventsOf(uid)
    .filter(({ type }) => type === Push.SELF)
    .map(({ data }) => data);
async function said(count: number, roomId = room): Promise<number[]> {
  const seqs: number[] = [];
  for (let n = 0; n < count; n++) seqs.push((await chat.say(ann, roomId, `m${n}`)).message.seq);
  return seqs;
}

test("IM-70: a place never falls back: a count that is ahead of the messages stays as it is", async () => {
  const [first = 0, second = 0] = await said(2);
  await chat.scratch.raw("update room_reads set read_no = 2 where uid = ? and room_id = ?", bob, room);
  expect(await mark(input(bob, first))).toMatchObject([
    { value: { place: { readSeq: first, unread: 0 }, moved: true } },
  ]);
  expect(await placeOf(bob)).toEqual({ readSeq: first, readNo: 2 });
  await mark(input(bob, second));
  expect(await placeOf(bob)).toEqual({ readSeq: second, readNo: 2 });
});

test("IM-70: of several marks of one person and room in a batch, each begins where the one before it ended", async () => {
  const [, second = 0, , fourth = 0] = await said(4);
  const outcomes = await mark(
    input(bob, second, { tell: true }),
    input(bob, fourth, { tell: true }),
    input(bob, second, { tell: true }),
  );
  const there = { roomId: room, readSeq: fourth, unread: 0 };
  expect(outcomes).toEqual([
    { status: "fulfilled", value: { place: { roomId: room, readSeq: second, unread: 2 }, moved: true } },
    { status: "fulfilled", value: { place: there, moved: true } },
    { status: "fulfilled", value: { place: there, moved: false } },
  ]);
  expect(await placeOf(bob)).toEqual({ readSeq: fourth, readNo: 4 });
  expect(told(bob)).toEqual([{ roomId: room, readSeq: second, unread: 2 }, there]);
});

test("IM-70: a batch marks many people and rooms; who may not fails alone", async () => {
  const other = await chat.group(ann, [bob, cem]);
  const [seq = 0] = await said(2);
  const [otherSeq = 0] = await said(1, other);
  const [hallSeq = 0] = await said(3, HALL_ROOM_ID);
  await chat.must(cem, "DELETE", `/rooms/${other}/members/${cem}`);
  const outcomes = await mark(
    input(bob, seq),
    input(cem, seq),
    input(cem, otherSeq, { roomId: other }),
    input(bob, otherSeq, { roomId: other }),
    input(bob, 1, { roomId: 999_999 }),
    input(cem, hallSeq, { roomId: HALL_ROOM_ID }),
  );
  expect(outcomes).toMatchObject([
    { value: { place: { roomId: room, readSeq: seq, unread: 1 }, moved: true } },
    { reason: { code: "not_found" } },
    { reason: { code: "forbidden" } },
    { value: { place: { roomId: other, readSeq: otherSeq, unread: 0 }, moved: true } },
    { reason: { code: "not_found" } },
    { value: { place: { roomId: HALL_ROOM_ID, readSeq: hallSeq, unread: 2 }, moved: true } },
  ]);
  expect(await placeOf(bob)).toEqual({ readSeq: seq, readNo: 1 });
  expect(await placeOf(cem)).toBeUndefined();
  expect(await placeOf(cem, HALL_ROOM_ID)).toEqual({ readSeq: hallSeq, readNo: 1 });
});

test("IM-71: a place at an event that is not a message has the number of the message before it", async () => {
  await said(2);
  await chat.must(ann, "PATCH", `/rooms/${room}`, { notice: "n" });
  await said(1);
  const seq = (await chat.must(ann, "GET", `/rooms/${room}`)).seq as number;
  const [at, head] = await mark(input(bob, seq - 1), input(bob, 1_000_000));
  expect([at, head]).toMatchObject([{ value: { place: { unread: 1 } } }, { value: { place: { readSeq: seq } } }]);
});

test("IM-71, IM-14: at a message that only its sender may see a place has the number of the message before it", async () => {
  const [first = 0, second = 0] = await said(2);
  await chat.must(ann, "PATCH", `/rooms/${room}`, { notice: "n" });
  const hide = (content: string) =>
    sendMessage(
      chat.context,
      { uid: ann, power: 0 },
      { roomId: room, request: { clientId: content, type: 1, body: { content } }, visibleTo: "sender" },
    );
  await hide("at the notice");
  await said(1);
  await hide("at a message");
  const outcomes = await mark(input(bob, first), input(bob, second + 1), input(bob, second + 2));
  expect(outcomes).toMatchObject([
    { value: { place: { readSeq: first, unread: 2 } } },
    { value: { place: { readSeq: second + 1, unread: 1 } } },
    { value: { place: { readSeq: second + 2, unread: 0 } } },
  ]);
  expect(await placeOf(bob)).toEqual({ readSeq: second + 2, readNo: 3 });
});

test("256 marks by 64 people in 64 rooms take as many statements as one", async () => {
  const people = await chat.people(64);
  const rooms: number[] = [];
  for (const uid of people) rooms.push(await chat.group(uid, [ann]));
  for (const id of rooms) await said(2, id);
  await said(2, HALL_ROOM_ID);
  const hallToo = (n: number) => (n % 4 === 3 ? HALL_ROOM_ID : (rooms[n % 64] as number));
  const inputs = (count: number, seq: number) =>
    Array.from({ length: count }, (_, n) => input(people[n % 64] as number, seq, { roomId: hallToo(n), tell: true }));
  const one = await chat.statements((tx) => markRead(tx, [input(cem, 2, { roomId: HALL_ROOM_ID, tell: true })]));
  expect(one).toBe(6);
  expect(await chat.statements((tx) => markRead(tx, inputs(256, 3)))).toBe(one);
}, 30_000);

test("IM-74: what is pending for several people is told by one query and one append", async () => {
  await said(2);
  await mark(input(bob, 2), input(ann, 3));
  const reads = [{ uid: bob, roomId: room }];
  const one = await chat.statements((tx) => tellReads(tx, [{ reads }]));
  expect(
    await chat.statements((tx) => tellReads(tx, [{ reads }, { reads: [...reads, { uid: ann, roomId: room }] }])),
  ).toBe(one);
});
