import { afterEach, beforeEach, expect, spyOn, test } from "bun:test";
import { HALL_ROOM_ID, roomStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { nextTurn } from "../lib/interval.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
let room: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, cem] = (await chat.people(3)) as [number, number, number];
  room = await chat.group(ann, [bob, cem]);
});
afterEach(() => chat.close());

const read = (uid: number, seq: number, id = room) => chat.must(uid, "PUT", `/rooms/${id}/read`, { seq });
/** Frames of a round, by stream. */
async function round(): Promise<[string, unknown][]> {
  const told: [string, unknown][] = [];
  await chat.context.readRound.tell((stream, frame) => told.push([stream, JSON.parse(frame)]));
  return told;
}
const frame = (roomId: number, ...reads: [number, number][]) => [
  roomStream(roomId),
  { type: 104, data: { roomId, reads: reads.map(([uid, seq]) => ({ uid, seq })) } },
];

test("IM-75: what was read is told together, the furthest place of each person, once", async () => {
  for (const text of ["one", "two", "three"]) await chat.say(ann, room, text);
  await Promise.all([read(bob, 2), read(bob, 4), read(bob, 3), read(cem, 2)]);
  const [[stream, told]] = (await round()) as [[string, { data: { reads: object[] } }]];
  expect(stream).toBe(roomStream(room));
  expect(told.data.reads).toHaveLength(2);
  expect(told.data.reads).toContainEqual({ uid: bob, seq: 4 });
  expect(told.data.reads).toContainEqual({ uid: cem, seq: 2 });
  expect(await round()).toEqual([]);
});

test("IM-75: a place is told after an earlier one, also where what the earlier round reads takes long", async () => {
  for (const text of ["one", "two"]) await chat.say(ann, room, text);
  const seqs: number[] = [];
  const tell = () =>
    chat.context.readRound.tell(
      (_, told) => void seqs.push(...JSON.parse(told).data.reads.map(({ seq }: { seq: number }) => seq)),
    );
  await read(bob, 2);
  const executor = chat.scratch.db.getExecutor();
  const execute = executor.executeQuery.bind(executor);
  const gate = Promise.withResolvers<void>();
  const reading = spyOn(executor, "executeQuery");
  reading.mockImplementationOnce((query) => gate.promise.then(() => execute(query)));
  const first = tell();
  while (reading.mock.calls.length === 0) await nextTurn();
  reading.mockRestore();
  await read(bob, 3);
  const second = tell();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  gate.resolve();
  await Promise.all([first, second]);
  await tell();
  expect(seqs).toEqual([2, 3]);
});

test("IM-75: a place that does not move, a message and a joining are told by no READ", async () => {
  const { message } = await chat.say(ann, room, "one");
  await read(ann, message.seq);
  await chat.say(bob, room, "two");
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: await chat.people(1) });
  expect(await round()).toEqual([]);
  await read(cem, 1_000_000);
  const { seq } = await chat.must(cem, "GET", `/rooms/${room}`);
  expect(await round()).toEqual([frame(room, [cem, seq])] as never);
});

test("IM-75: rooms of more than 100 members, the hall and rooms that are no more are not told; direct rooms are", async () => {
  const direct = (await chat.must(ann, "POST", "/rooms/direct", { userId: bob })).id;
  const gone = await chat.group(ann, [bob]);
  const full = await chat.group(ann, [bob, ...(await chat.people(98))]);
  const larger = await chat.group(ann, [bob, ...(await chat.people(99))]);
  for (const id of [direct, gone, full, larger, HALL_ROOM_ID]) {
    const { message } = await chat.say(ann, id, "hello");
    await read(bob, message.seq, id);
  }
  await chat.must(ann, "DELETE", `/rooms/${gone}`);
  expect(await round()).toEqual([frame(direct, [bob, 2]), frame(full, [bob, 2])] as never);
});

test("IM-75: places of more rooms than are told in one turn are all told", async () => {
  const many = Array.from({ length: 450 }, (_, n) => n);
  const rooms: number[] = [];
  for (const _ of many) rooms.push(await chat.group(ann, []));
  for (const roomId of rooms) chat.context.readRound.note({ roomId, uid: ann, seq: 1 });
  expect((await round()).map(([stream]) => stream)).toEqual(rooms.map(roomStream));
}, 60_000);
