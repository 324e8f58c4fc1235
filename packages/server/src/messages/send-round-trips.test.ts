import { expect, test } from "bun:test";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { CountedTrips } from "../../test/counted-trips.ts";
import { onPostgres } from "../../test/test-database.ts";
import { openWritingConnection } from "../db/open.ts";
import { sendMessages } from "./send.ts";
import type { SendInput } from "./send-lookups.ts";

test.skipIf(!onPostgres)(
  "PG-12: a batch of sends takes four round trips at most, with the lock and the commit, whatever kinds of sends it has",
  async () => {
    const chat = await ChatFixture.open();
    const connection = new CountedTrips(openWritingConnection(chat.scratch.place, { clock: chat.clock }));
    try {
      const [ann, bob, cat, dan] = (await chat.people(4)) as [number, number, number, number];
      const group = await chat.group(ann, [bob, cat]);
      await chat.must(bob, "PUT", `/blocks/${cat}`);
      const direct = (await chat.must(ann, "POST", "/rooms/direct", { userId: bob })).id;
      const { message: quoted } = await chat.say(ann, group, "quote me");
      await chat.say(bob, group, "again", { clientId: "again" });
      const send = (uid: number, roomId: number, clientId: string, more: Partial<SendInput> = {}): SendInput => ({
        actor: { uid, power: 0 },
        ...{ roomId, clientId, type: 1, stored: { content: "again" }, replyTo: null, mentions: [], visibleTo: "room" },
        ...more,
      });
      const mixed = (n: number) => [
        send(ann, group, `a${n}`, { replyTo: quoted.id, mentions: [bob] }),
        send(bob, group, "again"),
        send(ann, direct, `b${n}`),
        send(bob, direct, `c${n}`),
        send(ann, 1, `d${n}`),
        send(cat, group, `e${n}`),
        send(cat, group, `e${n}`),
        send(dan, group, `f${n}`),
        send(dan, 4711, `g${n}`),
      ];
      const [first, again] = await connection.transaction(async (tx) => [
        await sendMessages(tx, [send(ann, group, "one")]),
        await sendMessages(tx, mixed(0)),
      ]);
      expect([first, again].map((outcomes) => outcomes?.map((outcome) => outcome.ok && outcome.value.created))).toEqual(
        [[true], [true, false, true, true, true, true, false, false, false]],
      );
      connection.taken.length = 0;
      const large = Array.from({ length: 28 }, (_, n) => mixed(n + 2)).flat();
      for (const inputs of [[send(ann, group, "two")], mixed(1), large]) {
        await connection.transaction((tx) => sendMessages(tx, inputs));
      }
      expect(connection.taken).toEqual([3, 4, 4]);
    } finally {
      await connection.close();
      await chat.close();
    }
  },
);
