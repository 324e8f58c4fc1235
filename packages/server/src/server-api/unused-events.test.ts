import { expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { forgetOldEvents } from "./event-actions.ts";

const KEPT = 9000;

/** A database in which the content of so many events is left whose events are gone, each with an id of its own. */
async function withUnused(): Promise<ChatFixture> {
  const chat = await ChatFixture.open();
  await chat.fill("custom_events", ["id", "kind", "data"], KEPT, (n) => [1_000_000 + n, "cart", "1"]);
  return chat;
}

const countOf = async ({ scratch }: ChatFixture) =>
  (await scratch.db.selectFrom("custom_events").select("id").execute()).length;

test("EVT-9: what is not used any more goes in one round of upkeep, however much it is", async () => {
  const chat = await withUnused();
  const place = { after: 0 };
  const parts = { writes: chat.scratch.writes, isClockSettled: () => true };
  await forgetOldEvents(parts, place, { atMost: 20 });
  expect([await countOf(chat), place.after > 0]).toEqual([KEPT - 2000, true]);
  await forgetOldEvents(parts, place, { atMost: 1000 });
  expect([await countOf(chat), place.after]).toEqual([0, 0]);
  await chat.close();
});

test("EVT-9: what is used is looked at a bounded number at once", async () => {
  const chat = await withUnused();
  await chat.fill("events", ["pos", "stream", "seq", "type", "message_id", "at"], KEPT, (n) => [
    ...[1_000_000 + n, "user:20000", n + 1, 117, 1_000_000 + n, 1],
  ]);
  const place = { after: 0 };
  await forgetOldEvents({ writes: chat.scratch.writes, isClockSettled: () => true }, place, { atMost: 1000 });
  expect([await countOf(chat), place.after]).toEqual([KEPT, 1_000_000 + 5000 - 1]);
  await chat.close();
});
