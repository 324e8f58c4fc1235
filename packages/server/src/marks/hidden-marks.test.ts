import { afterEach, beforeEach, expect, test } from "bun:test";
import { Push, roomStream, userStream } from "@parley/protocol";
import { ChatFixture } from "../../test/chat-fixture.ts";

/** ann has blocked ben, whose marks in their direct room she does not see. */
let chat: ChatFixture;
let ann: number;
let ben: number;
let room: number;
let id: number;

beforeEach(async () => {
  chat = await ChatFixture.open();
  [ann, ben] = (await chat.people(2)) as [number, number];
  room = (await chat.must(ann, "POST", "/rooms/direct", { userId: ben })).id;
  ({ id } = (await chat.say(ann, room, "well?")).message);
});
afterEach(() => chat.close());

const block = () => chat.must(ann, "PUT", `/blocks/${ben}`);
const unblock = () => chat.must(ann, "DELETE", `/blocks/${ben}`);
const mark = (who: number, kind: string) => chat.must(who, "PUT", `/messages/${id}/marks/${kind}`);
const unmark = (who: number, kind: string) => chat.must(who, "DELETE", `/messages/${id}/marks/${kind}`);
/** `[likes, own like, dislikes, own dislike]`, as somebody sees them on the message alone and in the history. */
async function seen(who: number): Promise<number[]> {
  const { message } = await chat.must(who, "GET", `/messages/${id}`);
  const { items } = await chat.must(who, "GET", `/rooms/${room}/messages`);
  expect(items[0].message).toEqual(message);
  const { likeCount, userLike, dislikeCount, userDislike } = message.messageMark;
  return [likeCount, userLike, dislikeCount, userDislike];
}
const marksIn = (stream: string) =>
  chat
    .events(stream)
    .filter(({ type }) => type === Push.MARK)
    .map(({ data }) =>
      data.markList.map((one: Record<string, number>) => [one.uid, one.markType, one.markCount, one.actType]),
    );

test("BLK-6: a mark is answered and shown as usual to the person who sets it, and to nobody else", async () => {
  await block();
  const marked = { likeCount: 1, userLike: 1, dislikeCount: 0, userDislike: 0 };
  expect(await mark(ben, "like")).toEqual(marked as never);
  expect(await mark(ben, "like")).toEqual(marked as never);
  expect([await seen(ben), await seen(ann)]).toEqual([
    [1, 1, 0, 0],
    [0, 0, 0, 0],
  ]);
  expect(await mark(ben, "dislike")).toMatchObject({ likeCount: 0, dislikeCount: 1, userDislike: 1 });
  expect(await unmark(ben, "dislike")).toMatchObject({ likeCount: 0, dislikeCount: 0, userDislike: 0 });
  expect([marksIn(roomStream(room)), marksIn(userStream(ann))]).toEqual([[], []]);
  expect(marksIn(userStream(ben))).toEqual([
    [[ben, 1, 1, 1]],
    [
      [ben, 1, 0, 2],
      [ben, 2, 1, 1],
    ],
    [[ben, 2, 0, 2]],
  ]);
  expect([await seen(ben), await seen(ann)]).toEqual([
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
});

test("BLK-6: a mark from before the block stays for the other, whatever becomes of it", async () => {
  await mark(ben, "like");
  await block();
  await mark(ben, "dislike");
  expect([await seen(ben), await seen(ann)]).toEqual([
    [0, 0, 1, 1],
    [1, 0, 0, 0],
  ]);
  await unmark(ben, "dislike");
  expect([await seen(ben), await seen(ann)]).toEqual([
    [0, 0, 0, 0],
    [1, 0, 0, 0],
  ]);
  // As it was before: nothing is hidden any more.
  await mark(ben, "like");
  expect([await seen(ben), await seen(ann)]).toEqual([
    [1, 1, 0, 0],
    [1, 0, 0, 0],
  ]);
  expect(await chat.scratch.db.selectFrom("hidden_marks").selectAll().execute()).toEqual([]);
});

test("BLK-6: what was hidden comes to light with the next mark of either after the block, with counts that agree", async () => {
  await block();
  await mark(ben, "like");
  await unblock();
  expect(await seen(ann)).toEqual([0, 0, 0, 0]);
  await mark(ann, "like");
  expect([await seen(ben), await seen(ann)]).toEqual([
    [2, 1, 0, 0],
    [2, 1, 0, 0],
  ]);
  expect(marksIn(roomStream(room))).toEqual([
    [
      [ben, 1, 1, 1],
      [ann, 1, 2, 1],
    ],
  ]);
});

test("BLK-6: the person who was blocked changes their own mark after the block", async () => {
  await block();
  await mark(ben, "like");
  await unblock();
  await unmark(ben, "like");
  expect(marksIn(roomStream(room))).toEqual([
    [
      [ben, 1, 1, 1],
      [ben, 1, 0, 2],
    ],
  ]);
  expect([await seen(ben), await seen(ann)]).toEqual([
    [0, 0, 0, 0],
    [0, 0, 0, 0],
  ]);
});

test("BLK-6: marks of many at the same moment, hidden and seen, on messages of several rooms", async () => {
  const group = await chat.group(ann, [ben]);
  const { message } = await chat.say(ann, group, "all?");
  await block();
  await Promise.all([
    mark(ben, "like"),
    chat.must(ben, "PUT", `/messages/${message.id}/marks/like`),
    chat.must(ann, "PUT", `/messages/${message.id}/marks/like`),
    mark(ben, "dislike"),
  ]);
  expect([await seen(ben), await seen(ann)]).toEqual([
    [0, 0, 1, 1],
    [0, 0, 0, 0],
  ]);
  const shown = (await chat.must(ann, "GET", `/messages/${message.id}`)).message.messageMark;
  expect(shown).toMatchObject({ likeCount: 2 });
});

test("BLK-6, IM-88: an export has the marks as the person who set them sees them", async () => {
  const { message } = await chat.say(ann, room, "and this?");
  await mark(ben, "like");
  await block();
  await unmark(ben, "like");
  await chat.must(ben, "PUT", `/messages/${message.id}/marks/dislike`);
  const { marks } = await chat.must(ben, "GET", "/me/export");
  expect(marks.items).toEqual([{ messageId: message.id, mark: "dislike" }]);
});
