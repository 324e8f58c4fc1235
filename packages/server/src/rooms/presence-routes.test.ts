import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { HALL_ROOM_ID, LIMITS, parseCursor } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { fillRooms } from "../../test/filled-rooms.ts";
import { StillTime } from "../../test/still-time.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let cem: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob, cem] = (await chat.people(3)) as [number, number, number];
});
afterEach(() => chat.close());

const of = async (who: number, uids: readonly number[]) =>
  (await chat.must(who, "GET", `/presence?userIds=${uids.join(",")}`)).items;
const online = (uid: number) => ({ uid, activeStatus: 1, lastOptTime: chat.clock.now() });
const offline = (uid: number) => ({ uid, activeStatus: 2, lastOptTime: null });

describe("GET /presence", () => {
  test("GW-85: says who is online, in the order asked and each once, and how many are", async () => {
    await chat.group(ann, [bob, cem]);
    chat.context.presence.attached(bob);
    expect(await chat.must(ann, "GET", `/presence?userIds=${cem},${bob},${cem},${ann}`)).toEqual({
      items: [offline(cem), online(bob), offline(ann)],
      onlineNum: 1,
    });
    expect(await chat.must(ann, "GET", "/presence")).toEqual({ items: [], onlineNum: 1 });
    expect(await chat.must(ann, "GET", "/presence?userIds=")).toEqual({ items: [], onlineNum: 1 });
  });

  test("GW-85: leaves out people with whom the caller shares no room now, or none that tells it", async () => {
    const room = await chat.group(ann, [bob]);
    for (const uid of [bob, cem]) chat.context.presence.attached(uid);
    expect(await of(ann, [bob, cem, 1, 999_999])).toEqual([online(bob)]);
    await chat.must(ann, "DELETE", `/rooms/${room}/members/${bob}`);
    expect([await of(ann, [bob]), await of(bob, [ann, bob])]).toEqual([[], [online(bob)]]);
    const second = await chat.group(ann, [bob]);
    expect(await of(bob, [ann])).toEqual([offline(ann)]);
    await chat.must(ann, "DELETE", `/rooms/${second}`);
    expect(await of(bob, [ann])).toEqual([]);
    await chat.must(cem, "POST", "/rooms/direct", { userId: ann });
    expect(await of(ann, [bob, cem])).toEqual([online(cem)]);
  });

  test("GW-85: in a room of more than 500 members nobody is told of anybody", async () => {
    const crowd = await chat.people(LIMITS.presenceRoomMembers - 2);
    const room = await chat.group(ann, [bob, ...crowd]);
    chat.context.presence.attached(bob);
    expect(await of(ann, [bob, crowd[9] as number])).toEqual([online(bob), offline(crowd[9] as number)]);
    const shown = async () => {
      const { items } = await chat.must(ann, "GET", `/rooms/${room}/members?limit=2`);
      return items.map(({ uid, activeStatus, lastOptTime }: ReturnType<typeof offline>) => ({
        uid,
        activeStatus,
        lastOptTime,
      }));
    };
    expect(await shown()).toEqual([offline(ann), online(bob)]);
    await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
    expect(await of(ann, [bob])).toEqual([]);
    const untold = { activeStatus: null, lastOptTime: null };
    expect(await shown()).toEqual([ann, bob].map((uid) => ({ uid, ...untold })));
    const hall = await chat.must(ann, "GET", `/rooms/${HALL_ROOM_ID}/members?limit=1`);
    expect(hall.items).toMatchObject([untold]);
  });

  test("GW-86: members of a dissolved room are shown without it", async () => {
    const room = await chat.group(ann, [bob]);
    chat.context.presence.attached(bob);
    await chat.must(ann, "DELETE", `/rooms/${room}`);
    const { items } = await chat.must(ann, "GET", `/rooms/${room}/members`);
    expect(items.map((one: { activeStatus: unknown }) => one.activeStatus)).toEqual([null, null]);
  });

  test("GW-85: takes 500 ids", async () => {
    const uids = await chat.people(499);
    await chat.group(ann, uids);
    expect(await of(ann, [...uids, ann])).toEqual([...uids, ann].map(offline));
    const tooMany = [...uids, ann, bob].join(",");
    expect(await chat.ask(ann, "GET", `/presence?userIds=${tooMany}`)).toMatchObject({ status: 400 });
    for (const wrong of ["x", "0", "1,,2", "-1"]) {
      expect(await chat.ask(ann, "GET", `/presence?userIds=${wrong}`)).toMatchObject({ status: 400 });
    }
  });

  test("GW-85: asks for 2 000 people at once, and then for 500 a second", async () => {
    using time = new StillTime();
    const limited = await ChatFixture.open({ RATE_LIMITS: "on" });
    try {
      const [someone, another] = (await limited.people(2)) as [number, number];
      const path = `/presence?userIds=${Array.from({ length: 500 }, (_, i) => 50_000 + i).join(",")}`;
      const replies = await Promise.all(Array.from({ length: 5 }, () => limited.ask(someone, "GET", path)));
      const refused = replies.filter(({ status }) => status !== 200);
      expect(refused).toMatchObject([{ status: 429, body: { code: "rate_limited" } }]);
      expect((await limited.ask(someone, "GET", "/presence")).status).toBe(200);
      expect((await limited.ask(another, "GET", path)).status).toBe(200);
      time.advance(999);
      expect((await limited.ask(someone, "GET", path)).status).toBe(429);
      time.advance(1);
      expect((await limited.ask(someone, "GET", path)).status).toBe(200);
    } finally {
      await limited.close();
    }
  });

  test("GW-87: anonymous readers of a public hall learn the number alone; elsewhere they are refused", async () => {
    await chat.group(ann, [bob]);
    chat.context.presence.attached(bob);
    expect(await chat.ask(undefined, "GET", "/presence")).toMatchObject({ status: 401 });
    const open = await ChatFixture.open({ HALL: "public" });
    try {
      open.context.presence.attached(bob);
      expect(await open.must("", "GET", `/presence?userIds=${bob}`)).toEqual({ items: [], onlineNum: 1 });
    } finally {
      await open.close();
    }
  });
});

test("the rooms of people who come online are read as they are now, also where there are thousands", async () => {
  const { starts } = chat.context;
  const room = await chat.group(ann, [bob, cem]);
  const gone = await chat.group(ann, [bob]);
  await chat.must(ann, "DELETE", `/rooms/${gone}`);
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  const { id } = await chat.say(cem, room, "hello").then(({ message }) => message);
  const row = { roomId: room, memberCount: 2, activity: id, isDirect: false };
  expect(await Promise.all([ann, bob, cem].map((uid) => starts.roomsOf(uid)))).toEqual([
    { asOf: id, rows: [row] },
    { asOf: id, rows: [] },
    { asOf: id, rows: [row] },
  ]);

  // Even if another device of the same person asks for past rooms in the same turn.
  const cursor = parseCursor(`${chat.context.epoch};*@0`);
  const [, { rows: beside }] = await Promise.all([starts.windowsOf({ uid: ann, cursor }), starts.roomsOf(ann)]);
  expect(beside).toEqual([row]);

  await fillRooms(chat, [bob], { each: 4500, first: 10_001 });
  const { rows } = await starts.roomsOf(bob);
  expect(new Set(rows.map(({ roomId }) => roomId)).size).toBe(4500);
  expect(rows).toHaveLength(4500);
});
