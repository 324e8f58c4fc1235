import { expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { removeExpiredNotifications } from "./notification-actions.ts";

const SENT = 3000;

test("NTF-27: notifications to single people go as fast as they may come, 5 000 a second", async () => {
  const chat = await ChatFixture.open();
  const [ann] = (await chat.people(1)) as [number];
  const columns = ["id", "kind", "title", "text", "at", "expires_at", "has_ttl", "to_all", "recipients"];
  await chat.fill("notifications", columns, SENT, (n) => [n + 1, "a", "t", "", 1, 2, 1, 0, 1]);
  await chat.fill("notification_recipients", ["uid", "notification_id"], SENT, (n) => [ann, n + 1]);
  await chat.fill("notification_places", ["uid", "kept"], 1, () => [ann, SENT]);
  // A round of upkeep, of which there is one in ten seconds, has a thousand writes.
  const parts = { writes: chat.scratch.writes, isClockSettled: () => true };
  await removeExpiredNotifications(parts, { atMost: SENT / 50 + 1 });
  const { db } = chat.scratch;
  expect(await db.selectFrom("notification_recipients").select("uid").execute()).toEqual([]);
  expect(await db.selectFrom("notifications").select("id").where("is_swept", "=", 0).execute()).toEqual([]);
  expect(await db.selectFrom("notification_places").select("kept").execute()).toEqual([{ kept: 0 }]);
  await chat.close();
});
