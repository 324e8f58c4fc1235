import type { ChatFixture } from "./chat-fixture.ts";

/** Puts each of them into that many rooms of their own, with one unread message in each, straight into the tables. */
export async function fillRooms(chat: ChatFixture, uids: number[], { each, first }: { each: number; first: number }) {
  const count = uids.length * each;
  const uidOf = (n: number) => uids[Math.floor(n / each)] as number;
  await chat.fill("rooms", ["id", "type", "name", "no", "created_at"], count, (n) => [first + n, 1, "r", 3, 1]);
  const member = ["room_id", "uid", "role", "from_seq", "joined_seq", "joined_pos", "joined_at"];
  await chat.fill("members", member, count, (n) => [first + n, uidOf(n), 3, 1, 1, 1, 1]);
  const read = ["uid", "room_id", "read_seq", "read_no", "read_at"];
  await chat.fill("room_reads", read, count, (n) => [uidOf(n), first + n, 0, 2, 1]);
}
