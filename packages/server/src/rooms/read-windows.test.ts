import { afterEach, beforeEach, expect, test } from "bun:test";
import { roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { subscriptionChange } from "../event-log/subscriptions.ts";
import { anonymousWindows, windowsOf } from "./read-windows.ts";

const HALL = { access: "members", send: "everyone" } as const;
let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open();
});
afterEach(() => chat.close());

const inborn = (stream: string) => ({ stream, fromSeq: 1, leftSeq: null, joinedSeq: 0, joinedPos: 0 });

test("own stream, everybody's, the hall unless it is off; the anonymous a public hall", async () => {
  const [ann] = chat.people(1) as [number];
  const own = [inborn(userStream(ann)), inborn("all")];
  expect(await windowsOf(chat.scratch.db, ann, HALL)).toEqual([...own, inborn("room:1")]);
  expect(await windowsOf(chat.scratch.db, ann, { ...HALL, access: "off" })).toEqual(own);
  expect(anonymousWindows(HALL)).toEqual([]);
  expect(anonymousWindows({ ...HALL, access: "public" })).toEqual([inborn("room:1")]);
});

test("CUR-3, IM-48: a window ends with leaving, with a kick, with the dissolution, and says what the events say", async () => {
  const [ann, bob, cem] = chat.people(3) as [number, number, number];
  const left = await chat.group(ann, [bob]);
  await chat.must(bob, "DELETE", `/rooms/${left}/members/${bob}`);
  const kicked = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${kicked}/members/${bob}`);
  const dissolved = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${dissolved}`);
  const hidden = await chat.group(ann, []);
  await chat.must(ann, "PATCH", `/rooms/${hidden}`, { history: "joined" });
  await chat.say(ann, hidden, "before");
  await chat.must(ann, "POST", `/rooms/${hidden}/members`, { memberIds: [bob] });
  const again = await chat.group(ann, [bob]);
  await chat.must(bob, "DELETE", `/rooms/${again}/members/${bob}`);
  await chat.must(ann, "POST", `/rooms/${again}/members`, { memberIds: [bob] });
  await chat.group(ann, [cem]);

  const windows = (await windowsOf(chat.scratch.db, bob, HALL)).filter(({ joinedSeq }) => joinedSeq > 0);
  const shape = windows.map(({ stream, fromSeq, leftSeq, joinedSeq }) => ({ stream, fromSeq, leftSeq, joinedSeq }));
  expect(shape.sort((a, b) => a.stream.localeCompare(b.stream))).toEqual([
    { stream: roomStream(left), fromSeq: 1, leftSeq: 2, joinedSeq: 1 },
    { stream: roomStream(kicked), fromSeq: 1, leftSeq: 2, joinedSeq: 1 },
    { stream: roomStream(dissolved), fromSeq: 1, leftSeq: 2, joinedSeq: 1 },
    { stream: roomStream(hidden), fromSeq: 4, leftSeq: null, joinedSeq: 4 },
    { stream: roomStream(again), fromSeq: 1, leftSeq: null, joinedSeq: 1 },
  ]);
  for (const { stream, joinedSeq, joinedPos } of windows) {
    const event = chat.events(stream).find(({ seq }) => seq === joinedSeq);
    expect(event?.pos).toBe(joinedPos);
  }
  const cameBack = windows.find(({ stream }) => stream === roomStream(again));
  expect(cameBack).toMatchObject({ gaps: [], lastJoined: { seq: 3 } });
  expect(chat.events(roomStream(again))[2]?.pos).toBe(cameBack?.lastJoined?.pos as number);

  // Replaying the events of his own stream gives the same windows: that is what live readers follow.
  const replayed = new Map<string, number | null>();
  for (const event of chat.scratch.events) {
    const change = subscriptionChange(event);
    if (event.stream === userStream(bob) && change?.kind === "join") replayed.set(change.stream, null);
    else if (event.stream === userStream(bob) && change?.kind === "leave") replayed.set(change.stream, change.seq);
    else if (change?.kind === "end" && replayed.get(change.stream) === null) replayed.set(change.stream, change.seq);
  }
  expect(replayed).toEqual(new Map(windows.map(({ stream, leftSeq }) => [stream, leftSeq])));
});
