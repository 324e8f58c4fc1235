import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";

interface Page {
  items: { message: { id: number; seq: number; body: { content: string } } }[];
  nextCursor: string | null;
  asOf: string;
}

let chat: ChatFixture;
let ann: number;
let bob: number;
let room: number;
let ids: number[];

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [bob]);
  ids = [];
  for (let n = 0; n < 10; n++) {
    ids.push((await chat.say(n % 2 ? ann : bob, room, `m${n}`)).message.id);
    // There are other events between the messages, of this room and of others.
    if (n % 3 === 0) await chat.must(ann, "PATCH", `/rooms/${room}`, { notice: `n${n}` });
    if (n % 4 === 0) await chat.say(ann, 1, "elsewhere");
  }
});
afterEach(() => chat.close());

async function pages(query: string, limit: number): Promise<number[][]> {
  const found = await chat.pages<Page["items"][0]>(bob, `/rooms/${room}/messages?limit=${limit}&${query}`);
  return found.map((items) => items.map(({ message }) => message.id));
}

test("IM-30: backwards from the newest, ascending inside a page, at every size of page", async () => {
  for (const limit of [1, 3, 5, 9, 10, 11, 1000]) {
    const found = await pages("", limit);
    expect(found.toReversed().flat()).toEqual(ids);
    expect(found.length).toBe(Math.max(1, Math.ceil(10 / limit)));
  }
});

test("IM-30: forwards after a message, at every size of page", async () => {
  for (const limit of [1, 2, 4, 9, 10, 100]) {
    expect((await pages("after=0", limit)).flat()).toEqual(ids);
    expect((await pages(`after=${ids[3]}`, limit)).flat()).toEqual(ids.slice(4));
    expect(await pages(`after=${ids[9]}`, limit)).toEqual([[]]);
  }
  expect(await pages(`after=${ids[1]}`, 4)).toEqual([ids.slice(2, 6), ids.slice(6)]);
});

test("IM-30: what comes in while paging backwards changes no older page", async () => {
  const first: Page = await chat.must(bob, "GET", `/rooms/${room}/messages?limit=4`);
  await chat.say(ann, room, "late");
  const second: Page = await chat.must(bob, "GET", `/rooms/${room}/messages?limit=4&cursor=${first.nextCursor}`);
  expect([...second.items, ...first.items].map(({ message }) => message.id)).toEqual(ids.slice(2));
});

test("CUR-10: asOf covers what the page shows", async () => {
  const { asOf }: Page = await chat.must(bob, "GET", `/rooms/${room}/messages`);
  expect(asOf).toBe(`${chat.scratch.epoch};*@${chat.scratch.events.at(-1)?.pos}`);
});

test("IM-31: the reader's window cuts both ends, whichever way they read", async () => {
  const [cem] = (await chat.people(1)) as [number];
  await chat.must(ann, "PATCH", `/rooms/${room}`, { history: "joined" });
  await chat.must(ann, "POST", `/rooms/${room}/members`, { memberIds: [cem] });
  const inside = [];
  for (let n = 0; n < 3; n++) inside.push((await chat.say(ann, room, "inside")).message.id);
  await chat.must(cem, "DELETE", `/rooms/${room}/members/${cem}`);
  const { message: outside } = await chat.say(ann, room, "outside");
  const read = async (query: string) =>
    ((await chat.must(cem, "GET", `/rooms/${room}/messages?${query}`)) as Page).items.map(({ message }) => message.id);
  expect(await read("")).toEqual(inside);
  expect(await read("after=0")).toEqual(inside);
  expect(await read("limit=2")).toEqual(inside.slice(1));
  const status = async (id: number | undefined) => (await chat.ask(cem, "GET", `/messages/${id}`)).status;
  expect(await Promise.all([status(ids[9]), status(inside[0]), status(inside[2]), status(outside.id)])).toEqual([
    404, 200, 200, 404,
  ]);
  // Nor do pages tell which ids are messages of this room that were written before they came or after they left.
  const elsewhere = (await chat.say(ann, 1, "x")).message.id;
  const answerTo = (query: string) => chat.ask(cem, "GET", `/rooms/${room}/messages?${query}`);
  for (const query of ["after=", "cursor=older-", "cursor=newer-"]) {
    const foreign = await answerTo(`${query}${elsewhere}`);
    expect(foreign.status).toBe(400);
    for (const id of [ids[0], outside.id]) expect(await answerTo(`${query}${id}`)).toEqual(foreign);
  }
});

test("HTTP-3, IM-30: refuses messages that are not in this room, and cursors of earlier versions", async () => {
  const elsewhere = (await chat.say(ann, 1, "x")).message.id;
  const cursors = [`older-${elsewhere}`, "newer-999999", "older-", "before-3", "after-3", `older-${ids[3]}x`];
  for (const query of [
    ...cursors.map((cursor) => `cursor=${cursor}`),
    `after=${elsewhere}`,
    "after=999999",
    "after=-1",
    "after=x",
    "cursor=5",
    "limit=0",
  ]) {
    const { status, body } = await chat.ask(bob, "GET", `/rooms/${room}/messages?${query}`);
    expect({ query, status, code: body.code }).toEqual({ query, status: 400, code: "invalid" });
  }
  const beyond = await chat.ask(bob, "GET", `/rooms/${room}/messages?after=${Number.MAX_SAFE_INTEGER + 1}`);
  expect(beyond.body).toMatchObject({ status: 400, detail: "after: must be a whole number from 0" });
  expect((await chat.ask(bob, "GET", "/rooms/424242/messages")).status).toBe(404);
  expect((await chat.ask(undefined, "GET", `/rooms/${room}/messages`)).status).toBe(401);
});

test("IM-32: around a message, at every size of page, with the way on in both directions", async () => {
  const around = async (index: number, limit: number): Promise<Page> =>
    chat.must(bob, "GET", `/rooms/${room}/messages?around=${ids[index]}&limit=${limit}`);
  const shownIds = ({ items }: Page) => items.map(({ message }) => message.id);
  expect(shownIds(await around(5, 1))).toEqual(ids.slice(5, 6));
  expect(shownIds(await around(5, 2))).toEqual(ids.slice(4, 6));
  expect(shownIds(await around(5, 3))).toEqual(ids.slice(4, 7));
  expect(shownIds(await around(5, 4))).toEqual(ids.slice(3, 7));
  expect(shownIds(await around(0, 5))).toEqual(ids.slice(0, 3));
  expect(shownIds(await around(9, 5))).toEqual(ids.slice(7));
  expect(shownIds(await around(5, 100))).toEqual(ids);
  for (const limit of [1, 2, 3, 5, 9]) {
    for (const index of ids.keys()) {
      const middle = await around(index, limit);
      const rest = `limit=${limit}&around=${ids[index]}`;
      const older: number[] = [];
      for (let cursor = middle.nextCursor; cursor !== null; ) {
        const page: Page = await chat.must(bob, "GET", `/rooms/${room}/messages?${rest}&cursor=${cursor}`);
        older.unshift(...shownIds(page));
        cursor = page.nextCursor;
      }
      const newer = (await pages(`after=${shownIds(middle).at(-1)}`, limit)).flat();
      expect([...older, ...shownIds(middle), ...newer]).toEqual(ids);
    }
  }
}, 60_000);

test("IM-31, IM-32: around a message that the reader may not read, or that does not exist, is 400; a recalled message keeps its place", async () => {
  const ask = (query: string) => chat.ask(bob, "GET", `/rooms/${room}/messages?${query}`);
  const elsewhere = (await chat.say(bob, 1, "in the hall")).message.id;
  for (const id of [elsewhere, 9_999_999]) {
    expect(await ask(`around=${id}`)).toMatchObject({ status: 400, body: { errors: [{ path: "around" }] } });
  }
  for (const query of ["around=0", "around=x", `around=${ids[3]}&after=${ids[2]}`]) {
    expect(await ask(query)).toMatchObject({ status: 400, body: { code: "invalid", errors: [{ path: "around" }] } });
  }
  expect((await ask("around=")).body.items).toHaveLength(10);
  await chat.must(bob, "DELETE", `/messages/${ids[8]}`);
  const { body } = await ask(`around=${ids[8]}&limit=1`);
  expect(body.items[0].message).toMatchObject({ id: ids[8], type: 2 });

  await chat.must(bob, "DELETE", `/rooms/${room}/members/${bob}`);
  const later = (await chat.say(ann, room, "without bob")).message.id;
  expect((await ask(`around=${later}`)).status).toBe(400);
  expect((await ask(`around=${ids[9]}&limit=10`)).body.items).toHaveLength(6);
});
