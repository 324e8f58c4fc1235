import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { say } from "../harness.ts";
import { Stage, texts } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

/** A close code, an end that follows INVALIDATE_TOKEN without a code, or the status of the next answer. */
const ENDS = { websocket: 4001, sse: 0, "long-poll": 401, "short-poll": 401 };

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("TR-12: a login that is revoked ends its readers, and they get nothing more", async () => {
      const person = await stage.person();
      const room = await stage.room([person]);
      const reader = await stage.read(transport, {}, person);
      await say(stage.ann, room, "before");
      await reader.until((frames) => texts({ frames }, room).includes("before"), "what was said before");
      await person.api.ok("DELETE", "/logins/current");
      await say(stage.ann, room, "after");
      await reader.until(() => reader.ended !== undefined, "its end");
      expect(reader.ended).toBe(ENDS[transport.name]);
      expect(texts(reader, room)).toEqual(["before"]);
      const told = reader.frames.some(({ type }) => type === Push.INVALIDATE_TOKEN);
      expect(told).toBe(!transport.name.endsWith("poll"));
    });

    test("TR-12: other logins of the same person read on", async () => {
      const person = await stage.person();
      const room = await stage.room([person]);
      const request = { name: person.name, password: "a long password" };
      const { token } = await stage.server.api.ok<{ token: string }>("POST", "/logins", request);
      const reader = await stage.read(transport, {}, { ...person, token });
      await person.api.ok("DELETE", "/logins/current");
      await say(stage.ann, room, "after");
      await reader.until((frames) => texts({ frames }, room).includes("after"), "what was said after");
    });
  });
}
