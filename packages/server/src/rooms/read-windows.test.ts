import { afterEach, beforeEach, expect, test } from "bun:test";
import { type Cursor, roomStream, subscriptionChange, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { NOWHERE } from "../event-log/log-reader.ts";
import { FROM_FIRST_EVENT } from "../event-log/read-window.ts";
import { systemClock } from "../lib/clock.ts";
import { ReaderStarts } from "../reader-starts.ts";
import type { HallRules } from "./rooms.ts";

const HALL = { access: "members", send: "everyone" } as const;
let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open();
});
afterEach(() => chat.close());

const NOTHING: Cursor = { epoch: "0123456789abcdef", floor: 0, streams: new Map() };
/** The windows of a reader whose cursor has this floor. */
const read = async (uid: number | undefined, { hall = HALL as HallRules, endedAfter = 0, cursor = NOTHING } = {}) => {
  const { db, epoch } = chat.scratch;
  const starts = new ReaderStarts({ clock: systemClock, db, epoch, hall });
  return (await starts.windowsOf({ uid, cursor: { ...cursor, epoch, floor: endedAfter } })).streams;
};
const unjoinedStreams = (stream: string) =>
  expect.objectContaining({ stream, joined: FROM_FIRST_EVENT, left: null, leftBefore: NOWHERE });

test("own stream, everybody's, the hall unless it is off; anonymous readers a public hall", async () => {
  const [ann] = (await chat.people(1)) as [number];
  const own = [unjoinedStreams(userStream(ann)), unjoinedStreams("all")];
  expect(await read(ann)).toEqual([...own, unjoinedStreams("room:1")]);
  expect(await read(ann, { hall: { ...HALL, access: "off" } })).toEqual(own);
  expect(await read(undefined)).toEqual([]);
  expect(await read(undefined, { hall: { ...HALL, access: "public" } })).toEqual([unjoinedStreams("room:1")]);
});

test("CUR-3, IM-48: a window begins with the last joining and ends with leaving, with a kick, with the dissolution, and says what the events say", async () => {
  const [ann, bob, cem] = (await chat.people(3)) as [number, number, number];
  const left = await chat.group(ann, [bob]);
  await chat.must(bob, "DELETE", `/rooms/${left}/members/${bob}`);
  const kicked = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${kicked}/members/${bob}`);
  const dissolved = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${dissolved}`);
  const late = await chat.group(ann, []);
  await chat.say(ann, late, "before");
  await chat.must(ann, "POST", `/rooms/${late}/members`, { memberIds: [bob] });
  const again = await chat.group(ann, [bob]);
  for (let times = 0; times < 2; times++) {
    await chat.must(bob, "DELETE", `/rooms/${again}/members/${bob}`);
    await chat.must(ann, "POST", `/rooms/${again}/members`, { memberIds: [bob] });
  }
  await chat.group(ann, [cem]);

  const windows = (await read(bob)).filter(({ joined }) => joined !== FROM_FIRST_EVENT);
  const shape = windows.map(({ stream, joined, left, leftBefore }) => [stream, joined.seq, left?.seq, leftBefore.seq]);
  expect(shape.sort(([a], [b]) => String(a).localeCompare(String(b)))).toEqual([
    [roomStream(left), 1, 2, 0],
    [roomStream(kicked), 1, 2, 0],
    [roomStream(dissolved), 1, 2, 0],
    [roomStream(late), 3, undefined, 0],
    [roomStream(again), 5, undefined, 4],
  ]);
  for (const { stream, joined, left, leftBefore, head } of windows) {
    for (const { seq, pos } of [joined, left ?? joined, leftBefore, head].filter(({ seq }) => seq > 0)) {
      expect(chat.events(stream).find((event) => event.seq === seq)?.pos).toBe(pos);
    }
    expect(head.seq).toBe(chat.events(stream).length);
  }

  // Replaying the events of their own stream gives the same windows: that is what live readers follow.
  const replayed = new Map<string, (number | null)[]>();
  for (const event of chat.scratch.events) {
    const change = subscriptionChange(event);
    const [joinedSeq, end] = replayed.get(change?.stream ?? "") ?? [];
    if (event.stream === userStream(bob) && change?.kind === "join") replayed.set(change.stream, [change.seq, null]);
    else if (event.stream === userStream(bob) && change?.kind === "leave")
      replayed.set(change.stream, [joinedSeq as number, change.seq]);
    else if (change?.kind === "end" && end === null) replayed.set(change.stream, [joinedSeq as number, change.seq]);
  }
  expect(replayed).toEqual(
    new Map(windows.map(({ stream, joined, left }) => [stream, [joined.seq, left?.seq ?? null]])),
  );
});

test("CUR-2: past memberships are read where they ended after the cursor, or where it names them", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  const left = await chat.group(ann, [bob]);
  await chat.must(bob, "DELETE", `/rooms/${left}/members/${bob}`);
  const dissolved = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${dissolved}`);
  const present = await chat.group(ann, [bob]);
  const at = (room: number, seq: number) => chat.events(roomStream(room)).find((event) => event.seq === seq)?.pos ?? 0;
  const rooms = async (asked: Parameters<typeof read>[1]) =>
    (await read(bob, asked)).flatMap(({ stream, joined }) => (joined === FROM_FIRST_EVENT ? [] : [stream])).sort();
  const [a, b, c] = [left, dissolved, present].map(roomStream) as [string, string, string];
  expect(await rooms({ endedAfter: at(left, 2) - 1 })).toEqual([a, b, c]);
  expect(await rooms({ endedAfter: at(left, 2) })).toEqual([b, c]);
  expect(await rooms({ endedAfter: at(dissolved, 2) - 1 })).toEqual([b, c]);
  expect(await rooms({ endedAfter: at(dissolved, 2) })).toEqual([c]);
  const cursor = { ...NOTHING, streams: new Map([[a, 1]]) };
  expect(await rooms({ endedAfter: at(dissolved, 2), cursor })).toEqual([a, c]);
});
