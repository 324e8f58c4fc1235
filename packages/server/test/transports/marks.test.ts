import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import type { Person } from "../harness.ts";
import type { Reader } from "./reader.ts";
import { events, range, Stage, streamOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

async function said(room: number, content: string): Promise<number> {
  const request = { clientId: crypto.randomUUID(), type: 1, body: { content } };
  return (await stage.ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, request)).message.id;
}
const like = ({ api }: Person, id: number) => api.ok("PUT", `/messages/${id}/marks/like`);
const dislike = ({ api }: Person, id: number) => api.ok("PUT", `/messages/${id}/marks/dislike`);

/** The counts of a message that a reader got, in order: `[likes, dislikes]` of MESSAGE, `[markType, markCount]` of MARK. */
function told(reader: Reader, room: number, id: number): { message: number[][]; marks: number[][] } {
  const seen = events(reader, streamOf(room));
  const message = seen
    .filter(({ type, data }) => type === Push.MESSAGE && data.message.id === id)
    .map(({ data }) => [data.message.messageMark.likeCount, data.message.messageMark.dislikeCount]);
  const marks = seen
    .filter(({ type }) => type === Push.MARK)
    .flatMap(({ data }) => data.markList)
    .filter(({ msgId }) => msgId === id)
    .map(({ markType, markCount }) => [markType, markCount]);
  return { message, marks };
}

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("IM-82, TR-1: live, each mark comes once, in order, with its count; nobody's own marks are pushed", async () => {
      const room = await stage.room();
      const reader = await stage.read(transport);
      const id = await said(room, "well?");
      await reader.until((frames) => frames.some(({ data }) => data?.message?.id === id), "the message");
      await like(stage.ann, id);
      await like(stage.ben, id);
      await dislike(stage.ann, id);
      await stage.settle(reader);
      expect(told(reader, room, id)).toEqual({
        message: [[0, 0]],
        marks: [
          [1, 1],
          [1, 2],
          [1, 1],
          [2, 1],
        ],
      });
    });

    test("IM-82, IM-84, TR-2: away, the message comes with its counts as they are, then every mark; the last counts agree", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      const id = await said(room, "well?");
      // Somebody has read the message meanwhile, so its text is in memory.
      const warm = await stage.read(transport, { cursor });
      await stage.settle(warm);
      for (const _ of range(1, 3)) {
        await like(stage.ann, id);
        await dislike(stage.ann, id);
      }
      await like(stage.ben, id);
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      const { message, marks } = told(reader, room, id);
      expect(message).toEqual([[1, 1]]);
      expect(marks).toHaveLength(12);
      expect(marks.findLast(([type]) => type === 1)).toEqual([1, 1]);
      expect(marks.findLast(([type]) => type === 2)).toEqual([2, 1]);
      const shown = events(reader, streamOf(room)).find(({ data }) => data.message?.id === id);
      expect(shown?.data.message.messageMark).toMatchObject({ userLike: 0, userDislike: 0 });
    });
  });
}
