import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Push, userStream } from "@parley/protocol";
import { type Person, say } from "../harness.ts";
import type { Reader } from "./reader.ts";
import { events, Stage, streamOf, textOf } from "./stage.ts";
import { TRANSPORTS } from "./transports.ts";

let stage: Stage;
beforeAll(async () => {
  stage = await Stage.open();
}, 30_000);
afterAll(() => stage.close());

const ask = async (who: Person, whom: Person) =>
  (await who.api.ok<{ id: number }>("POST", "/friend-requests", { userId: whom.uid, text: "hello" })).id;
const answer = (who: Person, id: number, verb: string) => who.api.ok("POST", `/friend-requests/${id}/${verb}`);
const now = async (who: Person) => (await who.api.ok<{ cursor: string }>("GET", "/events")).cursor;

/** What a reader got about a room: where, and which text or which other event. */
const about = (reader: Reader, room: number) =>
  events(reader)
    .filter(({ stream, data }) => stream === streamOf(room) || data.roomId === room)
    .map((frame) => [frame.stream, textOf(frame) ?? frame.type]);

/** What a reader got about contacts, in order. */
const told = (reader: Reader) =>
  events(reader)
    .filter(({ type }) => type === Push.APPLY || type === Push.FRIEND || type === Push.SELF)
    .map(({ type, data }) => [type, data.change ?? data.unreadCount ?? data.block?.blocked ?? data.friendRequests]);

/** Two people whom no other case knows; both are in the lobby, where the end of a case is announced. */
async function two(): Promise<[Person, Person]> {
  const pair: [Person, Person] = [await stage.person(), await stage.person()];
  const memberIds = pair.map(({ uid }) => uid);
  await stage.ann.api.ok("POST", `/rooms/${stage.lobby}/members`, { memberIds });
  return pair;
}

/** Everything that two people can do to each other, and what each of them hears of it. */
async function play([dan, eva]: [Person, Person]): Promise<void> {
  await dan.api.ok("DELETE", `/friend-requests/${await ask(dan, eva)}`);
  await answer(eva, await ask(dan, eva), "reject");
  await eva.api.ok("PUT", `/blocks/${dan.uid}`);
  await eva.api.ok("DELETE", `/blocks/${dan.uid}`);
  await answer(dan, await ask(eva, dan), "accept");
  await dan.api.ok("PATCH", `/friends/${eva.uid}`, { remark: "Evi" });
  await eva.api.ok("DELETE", `/friends/${dan.uid}`);
}
const DANS = [
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "withdrawn"],
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "rejected"],
  [Push.APPLY, 1],
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "accepted"],
  [Push.SELF, 0],
  [Push.FRIEND, "remark"],
  [Push.FRIEND, "removed"],
];
const EVAS = [
  [Push.APPLY, 1],
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "withdrawn"],
  [Push.SELF, 0],
  [Push.APPLY, 1],
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "rejected"],
  [Push.SELF, 0],
  [Push.SELF, true],
  [Push.SELF, false],
  [Push.FRIEND, "requested"],
  [Push.FRIEND, "accepted"],
  [Push.FRIEND, "removed"],
];

for (const transport of TRANSPORTS) {
  describe(transport.name, () => {
    test("FRD-2, TR-1: live, each change comes once, in order, to both; a remark and a block only to the person's own devices", async () => {
      const [dan, eva] = await two();
      const readers = [await stage.read(transport, undefined, dan), await stage.read(transport, undefined, eva)];
      await play([dan, eva]);
      for (const reader of readers) await stage.settle(reader);
      expect(readers.map(told)).toEqual([DANS, EVAS]);
    });

    test("FRD-2, TR-2: away, both get exactly what they missed", async () => {
      const [dan, eva] = await two();
      const cursors = [await now(dan), await now(eva)];
      await play([dan, eva]);
      const readers = await Promise.all(
        [dan, eva].map((person, n) => stage.read(transport, { cursor: cursors[n] as string }, person)),
      );
      for (const reader of readers) await stage.settle(reader);
      expect(readers.map(told)).toEqual([DANS, EVAS]);
    });

    test("BLK-8, TR-3: live and away, people who are brought in without knowing get nothing until they are told, then all that follows", async () => {
      const [dan, eva] = await two();
      await eva.api.ok("PUT", `/blocks/${dan.uid}`);
      const cursor = await now(eva);
      const reader = await stage.read(transport, undefined, eva);
      const memberIds = [eva.uid, stage.ann.uid];
      const { id: room } = await dan.api.ok<{ id: number }>("POST", "/rooms", { name: "a trap", memberIds });
      await say(dan, room, "one");
      const between = await now(eva);
      await stage.settle(reader);
      expect(about(reader, room)).toEqual([]);
      await say(stage.ann, room, "two");
      await say(dan, room, "three");
      const told = [
        [userStream(eva.uid), Push.MEMBER_CHANGE],
        ...["two", "three"].map((text) => [streamOf(room), text]),
      ];
      await stage.settle(reader);
      expect(about(reader, room)).toEqual(told);
      stage.closeReaders();
      for (const from of [cursor, between]) {
        const late = await stage.read(transport, { cursor: from }, eva);
        await stage.settle(late);
        expect(about(late, room)).toEqual(told);
        stage.closeReaders();
      }
    });
  });
}
