import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../harness.ts";
import { sendHidden } from "../hidden-message.ts";
import type { SeenFrame } from "../live-client.ts";
import type { Reader } from "./reader.ts";
import { events, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

const SECRET = "only ben may see this";
const own = () => `user:${stage.ben.uid}`;

/** What a reader's own stream said about messages of a room, in order. */
function told(reader: Reader, room: number): (string | undefined)[] {
  return events(reader, own()).flatMap(({ type, data }: SeenFrame) => {
    if (type === Push.MESSAGE && data.message.roomId === room) return [data.message.body.content ?? data.message.body];
    return type === Push.RECALL && data.roomId === room ? ["recalled"] : [];
  });
}

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("IM-1, IM-14, TR-1: live, it comes to its sender in the order of the log, and to nobody else", async () => {
      const room = await stage.room();
      const mine = await stage.read(transport);
      const others = await stage.read(transport, undefined, stage.ann);
      await say(stage.ann, room, "before");
      const sent = await sendHidden(stage.server, stage.ben, { roomId: room, content: SECRET });
      await say(stage.ann, room, "after");
      await Promise.all([stage.settle(mine), stage.settle(others)]);
      const frame = events(mine, own()).find(({ data }) => data.message?.id === sent.message.id);
      expect(frame).toMatchObject({ type: Push.MESSAGE, data: sent });
      const order = events(mine).filter(({ type, data }) => type === Push.MESSAGE && data.message.roomId === room);
      expect(order.map(({ data }) => data.message.body.content)).toEqual(["before", SECRET, "after"]);
      expect(texts(others, room).filter(Boolean)).toEqual(["before", "after"]);
      expect(JSON.stringify(others.frames)).not.toContain(SECRET);
    });

    test("IM-14, IM-15, TR-2: away, its sender gets it from a cursor, once, and others get nothing of it", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      await say(stage.ann, room, "before");
      const { message } = await sendHidden(stage.server, stage.ben, { roomId: room, content: SECRET });
      await sendHidden(stage.server, stage.ben, { roomId: room, content: "an answer", replyTo: message.id });
      const mine = await stage.read(transport, { cursor });
      const others = await stage.read(transport, { cursor }, stage.ann);
      await Promise.all([stage.settle(mine), stage.settle(others)]);
      expect(told(mine, room)).toEqual([SECRET, "an answer"]);
      expect(texts(others, room)).toContain("before");
      expect(JSON.stringify(others.frames)).not.toContain(SECRET);
      const again = await stage.read(transport, { cursor: mine.cursor() });
      await stage.settle(again);
      expect(told(again, room)).toEqual([]);

      await stage.ben.api.ok("DELETE", `/messages/${message.id}`);
      const late = await stage.read(transport, { cursor });
      await stage.settle(late);
      expect(told(late, room)).toEqual(["The sender recalled this message", "an answer", "recalled"]);
      expect(events(late, streamOf(room)).map(({ type }) => type)).not.toContain(Push.RECALL);
      expect(JSON.stringify(late.frames)).not.toContain(SECRET);
    });
  });
}
