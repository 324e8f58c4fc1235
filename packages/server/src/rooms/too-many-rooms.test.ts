import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { StillTime } from "../../test/still-time.ts";
import { removeOldCounts, type StoredRateName } from "../db/stored-counts.ts";
import { CAPS } from "../limits/caps.ts";
import { LOCAL_RATES } from "../limits/limits.ts";
import { STORED_RATES } from "../limits/stored-rates.ts";

let chat: ChatFixture;
let time: StillTime;
let ann: number;
let bob: number;
let strangers: number[];
beforeEach(async () => {
  chat = await ChatFixture.open({ RATE_LIMITS: "on" });
  time = new StillTime();
  [ann, bob, ...strangers] = (await chat.people(130)) as [number, number, ...number[]];
});
afterEach(async () => {
  time[Symbol.dispose]();
  await chat.close();
});

const make = (who: number, memberIds: number[]) => chat.ask(who, "POST", "/rooms", { name: "g", memberIds });
const tooMany = (...userIds: number[]) => ({ status: 422, body: { code: "too_many_rooms", userIds } });

/** Rooms that somebody is in, straight into the tables. @returns their ids */
async function putInto(uid: number, count: number, more: { left?: boolean; dissolved?: boolean } = {}) {
  const dissolved = more.dissolved ? 1 : null;
  const columns =
    "type, name, avatar, notice, mute_all, history, no, member_count, created_at, dissolved_at, dissolved_seq";
  const rows = Array(count).fill(`(1, 'g', '', '', 0, 'all', 0, 1, 0, ${dissolved}, ${dissolved})`);
  const text = `insert into rooms (${columns}) values ${rows.join(", ")} returning id`;
  const ids = (await chat.scratch.raw<{ id: number }>(text)).map(({ id }) => id);
  const left = more.left ? 2 : null;
  const member = "room_id uid role from_seq joined_seq joined_pos joined_at left_seq left_pos".split(" ");
  await chat.fill("members", member, count, (n) => [ids[n] as number, uid, 3, 1, 1, 1, 0, left, left]);
  return ids;
}

test("IM-58: a person is in at most 5 000 rooms; those that they left and those that were dissolved do not count", async () => {
  expect(CAPS.roomsPerPerson.count).toBe(5000);
  await putInto(bob, 10, { left: true });
  await putInto(bob, 10, { dissolved: true });
  await putInto(bob, 4999);
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
}, 30_000);

test("IM-58: the cap holds with RATE_LIMITS=off", async () => {
  await chat.close();
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
  await putInto(bob, 5000);
  expect(await make(ann, [bob])).toMatchObject(tooMany(bob));
});

/** Counts of today, straight into the table. */
function putCount(rate: StoredRateName, uid: number, counted: number) {
  return chat.fill("rate_counts", ["key", "rate", "counted", "since"], 1, () => [
    `${uid}`,
    rate,
    counted,
    chat.clock.now(),
  ]);
}

/** How many groups strangers have brought somebody into today. */
async function byStrangers(uid: number): Promise<number | undefined> {
  const [row] = await chat.scratch.raw<{ counted: number }>(
    `select counted from rate_counts where key = '${uid}' and rate = 'groupsByStrangers'`,
  );
  return row?.counted;
}

/** The windows of all counts end. */
function aDayPasses(): void {
  time.advance(86_400_000);
  chat.clock.advance(86_400_000);
}

const direct = (who: number, userId: number) => chat.ask(who, "POST", "/rooms/direct", { userId });

test("IM-57: strangers bring a person into at most 100 groups a day; people who ever shared a room with them go on", async () => {
  expect(STORED_RATES.groupsByStrangers).toMatchObject({ count: 100, windowMs: 86_400_000 });
  const friend = strangers.pop() as number;
  await chat.group(bob, [friend]);
  for (const stranger of strangers.slice(0, 100)) expect((await make(stranger, [bob])).status).toBe(201);
  const [late, other] = strangers.slice(100) as [number, number];
  expect(await make(late, [bob, ann])).toMatchObject(tooMany(bob));
  const room = await chat.group(late, [other]);
  expect(await chat.ask(late, "POST", `/rooms/${room}/members`, { memberIds: [bob] })).toMatchObject(tooMany(bob));
  // They know these, and bring in whom they like themselves.
  expect((await make(friend, [bob])).status).toBe(201);
  expect((await make(strangers[0] as number, [bob])).status).toBe(201);
  expect((await make(bob, [other])).status).toBe(201);
  aDayPasses();
  expect((await make(late, [bob])).status).toBe(201);
}, 30_000);

test("IM-59: groups use up no direct rooms: a stranger opens one, and is no longer a stranger", async () => {
  for (const stranger of strangers.slice(0, 100)) expect((await make(stranger, [bob])).status).toBe(201);
  const late = strangers[100] as number;
  expect(await make(late, [bob])).toMatchObject(tooMany(bob));
  expect((await direct(late, bob)).status).toBe(201);
  expect((await make(late, [bob])).status).toBe(201);
}, 30_000);

test("IM-59: strangers open at most 500 direct rooms with a person in a day; groups and people who are known do not count", async () => {
  expect(STORED_RATES.directRoomsByStrangers).toMatchObject({ count: 500, windowMs: 86_400_000 });
  const [first, last, late, friend] = strangers as [number, number, number, number];
  await putCount("directRoomsByStrangers", bob, 498);
  await chat.group(friend, [bob]);
  expect((await direct(first, bob)).status).toBe(201);
  expect((await direct(last, bob)).status).toBe(201);
  expect(await direct(late, bob)).toMatchObject(tooMany(bob));
  expect((await direct(first, bob)).status).toBe(200);
  expect((await direct(friend, bob)).status).toBe(201);
  expect((await direct(bob, late)).status).toBe(201);
  expect((await make(strangers[4] as number, [bob])).status).toBe(201);
  aDayPasses();
  expect((await direct(strangers[5] as number, bob)).status).toBe(201);
});

/** Ends what makes the two share the room. */
const endings = {
  "the maker dissolves it": (room: number) => chat.must(ann, "DELETE", `/rooms/${room}`),
  "the maker removes the other": (room: number) => chat.must(ann, "DELETE", `/rooms/${room}/members/${bob}`),
  "the maker hands it over and leaves": async (room: number) => {
    await chat.must(ann, "PUT", `/rooms/${room}/owner`, { uid: bob });
    await chat.must(ann, "DELETE", `/rooms/${room}/members/${ann}`);
  },
  "the other leaves it": (room: number) => chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`),
};

test.each(Object.entries(endings))(
  "IM-57: one account counts once against a person, also where %s, over and over",
  async (_, end) => {
    for (let n = 0; n < 9; n++) await end((await make(ann, [bob])).body.id as number);
    expect(await byStrangers(bob)).toBe(1);
  },
);

test("IM-57: one account counts once, also where it asks many times at the same moment", async () => {
  const all = await Promise.all(Array.from({ length: 9 }, () => make(ann, [bob])));
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]));
  expect(await byStrangers(bob)).toBe(1);
});

test("IM-59: a person brings the same other person into at most 10 groups a day beside the first; what does not come about counts nothing", async () => {
  expect(STORED_RATES.groupsByOnePerson).toMatchObject({ count: 10, windowMs: 86_400_000 });
  const friend = strangers.pop() as number;
  await chat.group(bob, [friend]);
  const room = await chat.group(ann, [bob]);
  const add = () => chat.ask(ann, "POST", `/rooms/${room}/members`, { memberIds: [bob] });
  // They are in already.
  for (let n = 0; n < 11; n++) expect((await add()).body.added).toEqual([]);
  time.advance(60_000);
  for (let n = 0; n < 5; n++) expect((await make(ann, [bob])).status).toBe(201);
  expect((await make(ann, [bob, 5])).body.code).toBe("unknown_user");
  time.advance(60_000);
  for (let n = 0; n < 4; n++) expect((await make(ann, [bob])).status).toBe(201);
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect((await add()).body.added).toEqual([bob]);
  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  expect(await add()).toMatchObject(tooMany(bob));
  expect(await make(ann, [strangers[0] as number, bob])).toMatchObject(tooMany(bob));
  // It is the number of these two, in this direction.
  expect((await make(friend, [bob])).status).toBe(201);
  expect((await make(ann, [strangers[0] as number])).status).toBe(201);
  expect((await make(bob, [ann])).status).toBe(201);
  expect((await direct(ann, bob)).status).toBe(201);
  aDayPasses();
  expect((await make(ann, [bob])).status).toBe(201);
});

test.each([99, 100, 101])(
  "IM-57: of many who are brought in at once each counts, also the one in place %d",
  async (place) => {
    const crowd = await chat.people(210);
    crowd[place] = bob;
    await putCount("groupsByStrangers", bob, 100);
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
}, 30_000);

test("IM-57: RATE_LIMITS=off lifts it", async () => {
  await chat.close();
  chat = await ChatFixture.open();
  [bob, ...strangers] = (await chat.people(102)) as [number, ...number[]];
  const all = await Promise.all(strangers.map((stranger) => make(stranger, [bob])));
  expect(new Set(all.map(({ status }) => status))).toEqual(new Set([201]));
}, 30_000);

test("IM-56: people added count one by one, 2 000 a minute, in rooms new and old; what is refused counts nothing", async () => {
  const many = await chat.people(2001);
  const room = (await make(ann, many.slice(0, 1000))).body.id as number;
  const add = (memberIds: number[]) => chat.ask(ann, "POST", `/rooms/${room}/members`, { memberIds });
  expect((await add(many.slice(1000, 1999))).body.added).toHaveLength(999);
  expect(await add(many.slice(1999))).toMatchObject({ status: 429, body: { code: "rate_limited" } });
  expect((await add(many.slice(1999, 2000))).status).toBe(200);
  expect((await make(ann, [many[2000] as number])).status).toBe(429);
  // Refused by the one rate, it was not counted by the other: nine of ten new rooms are left.
  for (let n = 0; n < 9; n++) expect((await make(ann, [])).status).toBe(201);
  expect((await make(ann, [])).status).toBe(429);
}, 30_000);

test("IM-56, IM-57: the one who makes a room or adds to it counts neither as added nor as a stranger", async () => {
  chat.context.rates.peopleAdded.take(ann, 1998);
  await putCount("groupsByStrangers", ann, 100);
  const room = await make(ann, [ann, bob]);
  expect(room.status).toBe(201);
  const pairs = "select key from rate_counts where rate = 'groupsByOnePerson'";
  expect(await chat.scratch.raw<object>(pairs)).toEqual([{ key: `${ann} ${bob}` }]);
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

test("IM-57: what strangers do outlives the process and is forgotten after a day; what is not over stays", async () => {
  await make(ann, [bob]);
  chat.clock.advance(1);
  await make(strangers[0] as number, [ann, bob]);
  const rows = () => chat.scratch.raw<{ counted: number }>("select counted from rate_counts order by counted");
  // Each of the three pairs has its own, which counts the groups behind the first.
  expect((await rows()).map(({ counted }) => counted)).toEqual([0, 0, 0, 1, 2]);
  expect(await chat.scratch.writes.run(removeOldCounts, undefined)).toBe(false);
  chat.clock.advance(86_400_000 - 1);
  await chat.scratch.writes.run(removeOldCounts, undefined);
  // Bob's window and that of the first pair began a moment before the others.
  expect((await rows()).map(({ counted }) => counted)).toEqual([0, 0, 1]);
  chat.clock.advance(1);
  await chat.scratch.writes.run(removeOldCounts, undefined);
  expect(await rows()).toEqual([]);
  await chat.fill("rate_counts", ["key", "rate", "counted", "since"], 150, (n) => [`${n}`, "groupsByStrangers", 1, 1]);
  const remove = () => chat.scratch.writes.run(removeOldCounts, undefined);
  expect([await remove(), await remove(), (await rows()).length]).toEqual([true, false, 0]);
});

test("IM-57: a window ends a day after its first, and the next one begins with one", async () => {
  const [first, second, third] = strangers as [number, number, number];
  await make(first, [bob]);
  chat.clock.advance(86_399_999);
  await make(second, [bob]);
  expect(await byStrangers(bob)).toBe(2);
  chat.clock.advance(1);
  await make(third, [bob]);
  expect(await byStrangers(bob)).toBe(1);
});

test("IM-59: people who are in the group already do not count, also beside others who come", async () => {
  const room = await chat.group(ann, [bob]);
  for (const stranger of strangers.slice(0, 11)) {
    const added = await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [bob, stranger] });
    expect(added.added).toEqual([stranger]);
  }
});
