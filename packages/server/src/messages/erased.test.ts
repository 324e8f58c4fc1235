import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { allRows, onPostgres } from "../../test/test-database.ts";

let chat: ChatFixture;
let ann: number;
let bob: number;
let room: number;
beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, bob] = (await chat.people(2)) as [number, number];
  room = await chat.group(ann, [bob]);
});
afterEach(() => chat.close());

/** Texts of several lengths: within a page of the file, over several pages, and of one character, which is easily left behind. */
const LENGTHS = [40, 900, 4000];
const textOf = (n: number) => `[${n}]${`secret-${n}-`.repeat(500)}`.slice(0, LENGTHS[n % LENGTHS.length]);

/** Which of the texts are there, each by a part that no other text has. */
function foundIn(content: string, count: number): number[] {
  return Array.from({ length: count }, (_, n) => n).filter((n) => content.includes(`secret-${n}-`));
}

async function sayAll(count: number): Promise<number[]> {
  const ids: number[] = [];
  for (let n = 0; n < count; n++) ids.push((await chat.say(bob, room, textOf(n))).message.id);
  return ids;
}

test("IM-24: a recalled text is in no row of any table", async () => {
  const ids = await sayAll(21);
  expect(foundIn(await allRows(chat.scratch.place), 21).length).toBe(21);
  for (const id of ids.slice(0, 20)) await chat.must(bob, "DELETE", `/messages/${id}`);
  expect(foundIn(await allRows(chat.scratch.place), 21)).toEqual([20]);
});

// When PostgreSQL removes from its files what is in no row any more is its own matter.
describe.skipIf(onPostgres)("in the file of SQLite", () => {
  const found = (count: number) => {
    const path = chat.scratch.file();
    return foundIn([path, `${path}-wal`].map((file) => readFileSync(file).toString("latin1")).join("\n"), count);
  };

  test("IM-24: a recalled text is in no file of the database, once the journal has been truncated", async () => {
    const ids = await sayAll(21);
    await chat.scratch.writes.truncateJournal();
    expect(found(21).length).toBe(21);
    for (const id of ids.slice(0, 20)) await chat.must(bob, "DELETE", `/messages/${id}`);
    expect(await chat.scratch.writes.truncateJournal()).toBe(true);
    expect(found(21)).toEqual([20]);
  });

  test("IM-24: while somebody reads what was before, the journal stays, and nobody waits for them", async () => {
    const [id] = await sayAll(1);
    const { promise: reading, resolve: read } = Promise.withResolvers<void>();
    const { promise: held, resolve: release } = Promise.withResolvers<void>();
    const reader = chat.scratch.db.transaction().execute(async (trx) => {
      await trx.selectFrom("messages").select("id").execute();
      read();
      await held;
    });
    await reading;
    await chat.must(bob, "DELETE", `/messages/${id}`);
    expect(await chat.scratch.writes.truncateJournal()).toBe(false);
    await chat.say(bob, room, "goes on");
    release();
    await reader;
    expect(await chat.scratch.writes.truncateJournal()).toBe(true);
    expect(found(1)).toEqual([]);
  });
});

test("IM-24: a recall leaves nothing that a guess of the text could be tested against", async () => {
  const { message } = await chat.say(bob, room, "yes", { clientId: "vote" });
  await chat.must(bob, "DELETE", `/messages/${message.id}`);
  const row = await chat.scratch.db.selectFrom("messages").selectAll().where("id", "=", message.id).executeTakeFirst();
  expect(row).toMatchObject({ request_hash: null, body: "{}", client_id: "vote" });
});
