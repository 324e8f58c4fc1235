import { afterEach, beforeEach, expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";

/**
 * The steps of somebody who may be blocked, and everything that they can read after each, played twice: with the block and without. Ann
 * does nothing meanwhile, so she gives nothing away.
 */
let chat: ChatFixture;
beforeEach(async () => {
  chat = await ChatFixture.open({ HALL: "off" });
});
afterEach(() => chat.close());

interface Pair {
  readonly ann: number;
  readonly ben: number;
  readonly cem: number;
}

/** Replies without what differs between any two runs: ids, times, positions; and the parts of a message that clients do not show (IM-4). */
function comparable(value: unknown, names: ReadonlyMap<number, string>): unknown {
  if (typeof value === "number") return names.get(value) ?? value;
  if (Array.isArray(value)) return value.map((one) => comparable(one, names));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .filter(([key]) => !DIFFERENT.has(key))
      .map(([key, one]) => [key, key === "nextCursor" ? one !== null : comparable(one, names)]),
  );
}
const DIFFERENT = new Set([
  ...["id", "asOf", "no", "seq", "readSeq", "gapCount", "lastMessage", "roomId", "name", "username"],
  ...["sendTime", "createdAt", "joinedAt", "lastOptTime"],
]);

async function played(people: Pair, isBlocked: boolean): Promise<unknown[]> {
  const { ann, ben, cem } = people;
  const names = new Map(Object.entries(people).map(([name, uid]) => [uid as number, name]));
  const replies: unknown[] = [];
  const ask = async (method: string, path: string, body?: unknown) => {
    const reply = await chat.ask(ben, method, path, body);
    const shown = path.replaceAll(/\d+/g, "…");
    replies.push([method, shown, reply.status, comparable(reply.body, names)]);
    return reply.body;
  };
  const room = (await chat.must(ann, "POST", "/rooms/direct", { userId: ben })).id;
  const { message: annsText } = await chat.say(ann, room, "hello", { clientId: "a1" });
  const { message: bensText } = await chat.say(ben, room, "hi", { clientId: "b1" });
  const group = await chat.group(cem, [ann, ben]);
  await chat.say(ann, group, "all", { clientId: "a2" });
  if (isBlocked) await chat.must(ann, "PUT", `/blocks/${ben}`);

  const request = await ask("POST", "/friend-requests", { userId: ann, text: "friends?" });
  await ask("POST", "/friend-requests", { userId: ann });
  const text = { clientId: "c", type: 1, body: { content: "are you there?" } };
  const sent = await ask("POST", `/rooms/${room}/messages`, text);
  await ask("POST", `/rooms/${room}/messages`, text);
  await ask("POST", `/rooms/${room}/messages`, { ...text, clientId: "d", replyTo: annsText.id, mentions: [ann] });
  await ask("POST", `/rooms/${group}/messages`, { ...text, clientId: "e", mentions: [ann] });
  await ask("DELETE", `/messages/${sent.message.id}`);
  for (const id of [annsText.id, bensText.id]) {
    await ask("PUT", `/messages/${id}/marks/like`);
    await ask("PUT", `/messages/${id}/marks/dislike`);
    await ask("DELETE", `/messages/${id}/marks/dislike`);
    await ask("PUT", `/messages/${id}/marks/like`);
  }
  await ask("PUT", `/rooms/${room}/read`, { seq: 100 });
  const made = await ask("POST", "/rooms", { name: "g", memberIds: [ann, cem] });
  await ask("POST", `/rooms/${group}/members`, { memberIds: [ann] });
  await ask("POST", `/rooms/${made.id}/messages`, { ...text, clientId: "f" });
  await ask("PUT", `/rooms/${made.id}/members/${ann}/role`, { role: 2 });
  await ask("PUT", `/rooms/${made.id}/members/${ann}/mute`, { until: null });
  for (const id of [room, group, made.id]) {
    await ask("GET", `/rooms/${id}`);
    await ask("GET", `/rooms/${id}/members`);
    await ask("GET", `/rooms/${id}/messages`);
    await ask("GET", `/rooms/${id}/messages?after=0&limit=2`);
  }
  for (const state of ["read", "unread"]) await ask("GET", `/messages/${bensText.id}/receipts?state=${state}`);
  await ask("GET", "/rooms");
  await ask("GET", "/unread");
  await ask("GET", "/friend-requests");
  await ask("GET", "/friends");
  await ask("GET", "/blocks");
  await ask("GET", `/presence?userIds=${ann},${cem}`);
  await ask("GET", `/users/${ann}`);
  await ask("DELETE", `/rooms/${made.id}/members/${ann}`);
  await ask("POST", `/friend-requests/${request.id}/accept`);
  await ask("DELETE", `/friend-requests/${request.id}`);
  await ask("DELETE", `/friends/${ann}`);
  await ask("PUT", `/blocks/${ann}`);
  return replies;
}

test("BLK-10: every reply to somebody who is blocked is the one that they would have had without the block", async () => {
  const people = async (): Promise<Pair> => {
    const [ann, ben, cem] = (await chat.people(3)) as [number, number, number];
    return { ann, ben, cem };
  };
  const free = await played(await people(), false);
  const blocked = await played(await people(), true);
  expect(free.length).toBeGreaterThan(40);
  for (const [index, reply] of free.entries()) expect(blocked[index]).toEqual(reply);
});
