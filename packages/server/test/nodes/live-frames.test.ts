import { afterAll, beforeAll, describe, expect, setDefaultTimeout, test } from "bun:test";
import { Command, HALL_ROOM_ID, Push, roomStream } from "@parley/protocol";
import { type Person, say } from "../harness.ts";
import type { LiveClient } from "../live-client.ts";
import { TestNodes } from "../nodes-rig.ts";
import { openDoor } from "../server-door.ts";
import { SseReader } from "../sse-reader.ts";

/** A deadline, for slow machines. */
setDefaultTimeout(30_000);

/*
 * Everything that reaches readers without being logged, from a node that they are not on. The list is what `src/` publishes by
 * `LiveFrames`, and what each node makes by itself of an event of the log: RED_DOT, USER, and BLACK for anonymous readers.
 */
let nodes: TestNodes;
let ann: Person;
let ben: Person;
let room: number;
let here: LiveClient;
let there: LiveClient;
beforeAll(async () => {
  nodes = await TestNodes.start(2, { HALL: "public" });
  [ann, ben] = [await nodes.person("ann"), await nodes.person("ben")];
  room = await nodes.at(0).room(ann, [ben]);
  here = await nodes.at(0).live(ann);
  there = await nodes.at(1).live(ben);
}, 30_000);
afterAll(() => nodes[Symbol.asyncDispose](), 30_000);

describe("frames that are not logged, on another node", () => {
  test("NODE-6: TYPING reaches WebSockets and event streams", async () => {
    const stream = await SseReader.open(nodes.at(1).url, ben.token);
    await stream.frame(Push.RED_DOT);
    here.send({ type: Command.TYPING, data: { roomId: room } });
    const typing = { type: Push.TYPING, data: { roomId: room, uid: ann.uid } };
    expect(await there.frame(Push.TYPING)).toEqual(typing);
    expect(await stream.frame(Push.TYPING)).toEqual(typing);
    await there.echo();
    expect(there.of(Push.TYPING)).toHaveLength(1);
    stream.close();
  });

  test("NODE-6: READ reaches the other members, and SELF and its counters the reader's other devices", async () => {
    await say(ann, room, "to be read");
    const device = await nodes.at(0).live(ben);
    const message = await there.frame(Push.MESSAGE);
    await nodes.on(1, ben).api.ok("PUT", `/rooms/${room}/read`, { seq: message.seq });
    const reads = [{ uid: ben.uid, seq: message.seq as number }];
    expect((await here.frame(Push.READ)).data).toEqual({ roomId: room, reads });
    expect((await device.frame(Push.SELF)).data).toMatchObject({ roomId: room, readSeq: message.seq });
    device.close();
  });

  test("NODE-6: an event of the product's own that is not logged reaches people and rooms on every node, once", async () => {
    const door = await openDoor(nodes.at(0), "product");
    const event = { kind: "price.changed", data: { now: 3 }, log: false };
    await door.ok("POST", "/events", { ...event, to: { users: [ann.uid, ben.uid] } });
    await door.ok("POST", "/events", { ...event, to: { rooms: [room] } });
    for (const live of [here, there]) {
      await live.until(() => live.of(Push.CUSTOM).length >= 2, "both events");
      await live.echo();
      expect(live.of(Push.CUSTOM)).toEqual(
        Array(2).fill({ type: Push.CUSTOM, data: { kind: event.kind, data: event.data } }),
      );
    }
  });

  test("NODE-6: a new name and a new counter are told by each node to its own readers", async () => {
    await ann.api.ok("PATCH", "/me", { name: "ann again" });
    for (const live of [here, there]) {
      const user = await live.frame(Push.USER, ({ data }) => data.uid === ann.uid);
      expect(user.data.name).toBe("ann again");
    }
    const cai = await nodes.person("cai");
    await cai.api.ok("POST", "/friend-requests", { userId: ben.uid, text: "hello" });
    await there.frame(Push.RED_DOT, ({ data }) => data.friendRequests === 1);
  });

  test("NODE-6: a message comes once, and its stream has no hole", async () => {
    for (let n = 0; n < 10; n++) await say(nodes.on(n % 2, ann), room, `number ${n}`);
    for (const live of [here, there]) {
      // Only one of them may have been live when its node heard of the room's first event.
      const texts = () => live.of(Push.MESSAGE).map(({ data }) => String(data.message.body.content));
      await live.until(() => texts().filter((text) => text.startsWith("number ")).length >= 10, "the messages");
      await live.echo();
      const seqs = live.stream(roomStream(room)).map(({ seq }) => seq as number);
      expect(seqs).toEqual(seqs.map((_, i) => (seqs[0] as number) + i));
    }
  });

  test("NODE-6: what somebody says in a room that they may not read on their node goes to no other", async () => {
    const dan = await nodes.person("dan");
    const outsider = await nodes.at(0).live(dan);
    outsider.send({ type: Command.TYPING, data: { roomId: room } });
    await outsider.frame(Push.ERROR);
    await there.echo();
    expect(there.of(Push.TYPING).some(({ data }) => data.uid === dan.uid)).toBe(false);
    outsider.send({ type: Command.TYPING, data: { roomId: HALL_ROOM_ID } });
    await outsider.echo();
    await there.echo();
    expect(there.of(Push.TYPING).some(({ data }) => data.uid === dan.uid)).toBe(false);
  });
});
