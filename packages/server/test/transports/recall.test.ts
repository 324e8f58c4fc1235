import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../harness.ts";
import { events, range, Stage, streamOf, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

const SECRET = "what must not be read";

async function sayId(room: number, content: string, more: object = {}): Promise<number> {
  const request = { clientId: crypto.randomUUID(), type: 1, body: { content }, ...more };
  return (await stage.ann.api.ok<{ message: { id: number } }>("POST", `/rooms/${room}/messages`, request)).message.id;
}

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("TR-5: a text that was recalled while one was away is never sent, nor where it was quoted", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      const id = await sayId(room, SECRET);
      await sayId(room, "an answer", { replyTo: id });
      await stage.ann.api.ok("DELETE", `/messages/${id}`);
      const reader = await stage.read(transport, { cursor });
      await stage.settle(reader);
      expect(events(reader, streamOf(room)).map(({ type }) => type)).toContain(Push.RECALL);
      expect(texts(reader, room)).toContain("an answer");
      expect(JSON.stringify(reader.frames)).not.toContain(SECRET);
    });

    test("TR-5: recalled while others are catching up: who begins after the reply never sees it, and nobody misses an event", async () => {
      const room = await stage.room();
      const cursor = await stage.now();
      for (const i of range(1, 150)) await say(stage.ann, room, `${i}`);
      const id = await sayId(room, SECRET);
      for (const i of range(151, 300)) await say(stage.ann, room, `${i}`);
      const reader = await stage.read(transport, { cursor });
      await stage.ann.api.ok("DELETE", `/messages/${id}`);
      // A reader that begins after the recall's reply never sees it.
      const late = await stage.read(transport, { cursor });
      await Promise.all([stage.settle(reader), stage.settle(late)]);
      expect(JSON.stringify(late.frames)).not.toContain(SECRET);
      for (const one of [reader, late]) {
        expect(events(one, streamOf(room)).map(({ seq }) => seq)).toEqual(range(2, 303));
      }
    }, 20_000);
  });
}
