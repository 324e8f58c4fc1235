import { Database } from "bun:sqlite";
import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { CAPS, LOCAL_RATES } from "../limits/limits.ts";

let chat: ChatFixture;
let time: StillTime;
let ann: number;
let bob: number;
let strangers: number[];
beforeEach(async () => {
  chat = await ChatFixture.open({ RATE_LIMITS: "on" });
  time = new StillTime();
  [ann, bob, ...strangers] = chat.people(130) as [number, number, ...number[]];
});
afterEach(async () => {
  time[Symbol.dispose]();
  await chat.close();
});

const make = (who: number, memberIds: number[]) => chat.ask(who, "POST", "/rooms", { name: "g", memberIds });
const tooMany = (...userIds: number[]) => ({ status: 422, body: { code: "too_many_rooms", userIds } });

/** Rooms that somebody is in, straight into the tables. @returns their ids */
function putInto(uid: number, count: number, more: { left?: boolean; dissolved?: boolean } = {}): number[] {
  const file = new Database(chat.scratch.path);
  try {
    const room =
      file.query(`insert into rooms (type, name, avatar, notice, mute_all, history, no, member_count, created_at,
      dissolved_at, dissolved_seq) values (1, 'g', '', '', 0, 'all', 0, 1, 0, ?, ?) returning id`);
    const member =
      file.query(`insert into members (room_id, uid, role, from_seq, joined_seq, joined_pos, joined_at, left_seq,
      left_pos) values (?, ?, 3, 1, 1, 1, 0, ?, ?)`);
    return file.transaction(() =>
      Array.from({ length: count }, () => {
        const dissolved = more.dissolved ? 1 : null;
        const { id } = room.get(dissolved, dissolved) as { id: number };
        const left = more.left ? 2 : null;
        member.run(id, uid, left, left);
        return id;
      }),
    )();
  } finally {
    file.close();
  }
}

test("IM-58: a person is in at most 5 000 rooms; those that they left and those that were dissolved do not count", async () => {
  expect(CAPS.roomsPerPerson.count).toBe(5000);
  putInto(bob, 10, { left: true });
  putInto(bob, 10, { dissolved: true });
  putInto(bob, 4999);
  expect((await make(ann, [bob])).status).toBe(201);
  const room = await chat.group(ann, [strangers[0] as number]);
  expect(await make(ann, [bob, strangers[1] as number])).toMatchObject(tooMany(bob));
  expect(await chat.ask(ann, "POST", `/rooms/${room}/members`, { memberIds: [bob] })).toMatchObject(tooMany(bob));
  expect(await chat.ask(strangers[2] as number, "POST", "/rooms/direct", { userId: bob })).toMatchObject(tooMany(bob));
  expect(await make(bob, [])).toMatchObject(tooMany(bob));
  expect(await chat.ask(bob, "POST", "/rooms/direct", { userId: ann })).toMatchObject(tooMany(bob));
  // Nothing of it was written, and what is left can be joined again.
  expect((await chat.must(ann, "GET", `/rooms/${room}`)).memberCount).toBe(2);
  const [mine] = (await chat.must(bob, "GET", "/rooms?limit=1")).items as { id: number }[];
  await chat.must(bob, "DELETE", `/rooms/${mine?.id}/members/${bob}`);
  expect((await make(ann, [bob])).status).toBe(201);
});

test("IM-58: the cap holds with RATE_LIMITS=off", async () => {
  await chat.close();
  chat = await ChatFixture.open();
  [ann, bob] = chat.people(2) as [number, number];
  putInto(bob, 5000);
  expect(await make(ann, [bob])).toMatchObject(tooMany(bob));
});

test("IM-57: strangers bring a person into at most 100 rooms a day; people of one of their rooms go on", async () => {
  expect(LOCAL_RATES.roomsByStrangers).toMatchObject({ count: 100, windowMs: 86_400_000 });
  const friend = strangers.pop() as number;
  await chat.group(bob, [friend]);
  for (const stranger of strangers.slice(0, 99)) expect((await make(stranger, [bob])).status).toBe(201);
  const direct = await chat.ask(strangers[99] as number, "POST", "/rooms/direct", { userId: bob });
  expect(direct.status).toBe(201);
  const [late, other] = strangers.slice(100) as [number, number];
  expect(await make(late, [bob, ann])).toMatchObject(tooMany(bob));
  expect(await chat.ask(late, "POST", "/rooms/direct", { userId: bob })).toMatchObject(tooMany(bob));
  const room = await chat.group(late, [other]);
  expect(await chat.ask(late, "POST", `/rooms/${room}/members`, { memberIds: [bob] })).toMatchObject(tooMany(bob));
  // They know these, and bring in whom they like themselves.
  expect((await make(friend, [bob])).status).toBe(201);
  expect((await chat.ask(strangers[0] as number, "POST", "/rooms/direct", { userId: bob })).status).toBe(201);
  expect((await make(bob, [late])).status).toBe(201);
  time.advance(86_400_000);
  expect((await make(other, [bob])).status).toBe(201);
});

test.each(["the one who asks", "the one who is asked for"])(
  "IM-57: after %s has left the only common room they are strangers again",
  async (who) => {
    for (const stranger of strangers.slice(0, 100)) expect((await make(stranger, [bob])).status).toBe(201);
    const [late] = strangers.slice(100) as [number];
    const common = await chat.group(bob, [late]);
    const made = await make(late, [bob]);
    expect(made.status).toBe(201);
    await chat.must(late, "DELETE", `/rooms/${made.body.id}`);
    if (who === "the one who is asked for") await chat.must(bob, "PUT", `/rooms/${common}/owner`, { uid: late });
    const leaver = who === "the one who asks" ? late : bob;
    await chat.must(leaver, "DELETE", `/rooms/${common}/members/${leaver}`);
    expect(await make(late, [bob])).toMatchObject(tooMany(bob));
  },
);

test.each([99, 100, 101])(
  "IM-57: of many who are brought in at once each counts, also the one in place %d",
  async (place) => {
    const crowd = chat.people(210);
    crowd[place] = bob;
    for (let n = 0; n < 100; n++) chat.context.rates.roomsByStrangers.take(bob);
    expect(await make(ann, crowd)).toMatchObject(tooMany(bob));
  },
);

test("IM-57: a room that does not come about counts for nobody, and many at the same moment find no gap", async () => {
  for (let round = 0; round < 10; round++) {
    const failing = strangers.slice(0, 20).map((stranger) => make(stranger, [bob, 5]));
    expect(new Set((await Promise.all(failing)).map(({ body }) => body.code))).toEqual(new Set(["unknown_user"]));
    time.advance(60_000);
  }
  const all = await Promise.all(strangers.slice(0, 120).map((stranger) => make(stranger, [bob])));
  expect(all.filter(({ status }) => status === 201)).toHaveLength(100);
  expect(all.filter(({ body }) => body.code === "too_many_rooms")).toHaveLength(20);
});

test("IM-57: RATE_LIMITS=off lifts it", async () => {
  await chat.close();
  chat = await ChatFixture.open();
  [bob, ...strangers] = chat.people(102) as [number, ...number[]];
  const all = await Promise.all(strangers.map((stranger) => make(stranger, [bob])));
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]));
});

test("IM-56: people added count one by one, 2 000 a minute, in rooms new and old; what is refused counts nothing", async () => {
  const many = chat.people(2001);
  const room = (await make(ann, many.slice(0, 1000))).body.id as number;
  const add = (memberIds: number[]) => chat.ask(ann, "POST", `/rooms/${room}/members`, { memberIds });
  expect((await add(many.slice(1000, 1999))).body.added).toHaveLength(999);
  expect(await add(many.slice(1999))).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect((await add(many.slice(1999, 2000))).status).toBe(200);
  expect((await make(ann, [many[2000] as number])).status).toBe(429);
  // Refused by the one rate, it was not counted by the other: nine of ten new rooms are left.
  for (let n = 0; n < 9; n++) expect((await make(ann, [])).status).toBe(201);
  expect((await make(ann, [])).status).toBe(429);
});

test("IM-56, IM-57: the one who makes a room or adds to it counts neither as added nor as a stranger", async () => {
  chat.context.rates.peopleAdded.take(ann, 1998);
  for (let n = 0; n < 100; n++) chat.context.rates.roomsByStrangers.take(ann);
  const room = await make(ann, [ann, bob]);
  expect(room.status).toBe(201);
  const add = (...memberIds: number[]) => chat.ask(ann, "POST", `/rooms/${room.body.id}/members`, { memberIds });
  expect((await add(ann, strangers[0] as number)).body.added).toEqual([strangers[0]]);
  expect((await add(strangers[1] as number)).status).toBe(429);
});

test("IM-56: the other person of a new direct room counts as added", async () => {
  chat.context.rates.peopleAdded.take(ann, 2000);
  expect(await chat.ask(ann, "POST", "/rooms/direct", { userId: bob })).toMatchObject({ status: 429 });
});

test("IM-56: a direct room that is there is opened as often as one likes", async () => {
  const open = () => chat.ask(ann, "POST", "/rooms/direct", { userId: bob });
  expect((await open()).status).toBe(201);
  for (let n = 0; n < 30; n++) expect((await open()).status).toBe(200);
});

test.each([
  [
    "sendsADay",
    50_000,
    () => chat.ask(ann, "POST", "/rooms/1/messages", { clientId: `${Math.random()}`, type: 1, body: { content: "x" } }),
  ],
  ["roomsMadeADay", 200, () => make(ann, [])],
  ["peopleAddedADay", 20_000, () => make(ann, [bob])],
] as const)("HTTP-15: %s: %d", async (rate, count, ask) => {
  expect(LOCAL_RATES[rate]).toMatchObject({ count, windowMs: 86_400_000 });
  chat.context.rates[rate].take(ann, count - 1);
  expect((await ask()).status).toBe(201);
  const refused = await ask();
  expect(refused).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  time.advance(86_400_000);
  expect((await ask()).status).toBe(201);
});
