import { describe, expect, test } from "bun:test";
import { say } from "../../server/test/harness.ts";
import { ServerRig } from "./rig/rig.ts";

describe.each(["websocket", "long-poll"] as const)(
  "a program that says after each message that it was read, by %s",
  (transport) => {
    const rig = new ServerRig({ RATE_LIMITS: "off" });

    test("SDK-49: a burst costs two requests, the user's own message none, and the server knows the place each time", async () => {
      const room = await rig.stage.room();
      const watched = rig.open({ transports: [transport] }, { timing: { readGatherMs: 4_000 } });
      await watched.live(transport);
      // With polls, nothing has said yet who the user is.
      await watched.client.send(room, "hello");
      const { client } = watched;
      const places: Promise<{ readSeq: number; unread: number }>[] = [];
      client.on("message", ({ message }) => {
        if (message.roomId === room) places.push(client.markRead(room, message.seq));
      });
      const reads = () => rig.door.lines.filter((line) => line.startsWith("PUT") && line.endsWith("/read")).length;
      await say(rig.stage.ann, room, "first");
      await watched.said(room, "first");
      await places[0];
      for (const text of ["one", "two", "three"]) await say(rig.stage.ann, room, text);
      await watched.said(room, "three");
      const burst = await Promise.all(places);
      expect([reads(), burst.at(-1)?.unread]).toEqual([2, 0]);
      const own = await client.send(room, "mine");
      await watched.said(room, "mine");
      const last = await (places.at(-1) as (typeof places)[number]);
      expect([reads(), last.readSeq, last.unread]).toEqual([2, own.message.seq, 0]);
      const known = await client.request("GET /unread");
      expect(known.rooms.filter(({ roomId }) => roomId === room)).toEqual([]);
    }, 30_000);
  },
);
