import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { createAccount } from "../src/identity/accounts-writes.ts";
import { hashOf, newToken } from "../src/identity/tokens.ts";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { StillTime } from "./still-time.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let cai: Person;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben, cai] = (await Promise.all(["ann", "ben", "cai"].map((name) => server.person(name)))) as [
    Person,
    Person,
    Person,
  ];
}, 30_000);
afterAll(() => server.stop());

const typing = (live: LiveClient, roomId: number) => live.send({ type: Command.TYPING, data: { roomId } });

test("GW-61: TYPING reaches the members of the room, once in 3 s for each person, however many connections they have", async () => {
  using time = new StillTime();
  const room = await server.room(ann, [ben]);
  const [first, second, reader, stranger] = await Promise.all([
    server.live(ann),
    server.live(ann),
    server.live(ben),
    server.live(cai),
  ]);
  typing(first, room);
  expect(await reader.frame(Push.TYPING)).toEqual({ type: Push.TYPING, data: { roomId: room, uid: ann.uid } });
  typing(first, room);
  typing(second, room);
  await Promise.all([first.echo(), second.echo()]);
  await Promise.all([reader.echo(), stranger.echo()]);
  expect(reader.of(Push.TYPING)).toHaveLength(1);
  expect(stranger.of(Push.TYPING)).toEqual([]);
  // It is dropped, not refused.
  expect(first.of(Push.ERROR)).toHaveLength(1);
  time.advance(3000);
  typing(second, room);
  await reader.until(() => reader.of(Push.TYPING).length === 2, "the second TYPING");
});

test("GW-62: for a room that one is not in, or that is not there, TYPING is answered `not_found`", async () => {
  const room = await server.room(ann, [ben]);
  const stranger = await server.live(cai);
  typing(stranger, room);
  expect((await stranger.frame(Push.ERROR)).data).toMatchObject({ code: "not_found", requestType: Command.TYPING });
  const anonymous = await server.connect();
  typing(anonymous, room);
  expect((await anonymous.frame(Push.ERROR)).data.code).toBe("unauthorized");
});

test.each([
  ["that is live", "/ws"],
  ["that is not live yet", "/ws?resume=1"],
])(
  "GW-62: TYPING of a connection %s for a room that was dissolved, or that one has left, is answered `not_found`",
  async (_, path) => {
    const [dissolved, left] = [await server.room(ann, [ben]), await server.room(ann, [ben])];
    await ann.api.ok("DELETE", `/rooms/${dissolved}`);
    await ben.api.ok("DELETE", `/rooms/${left}/members/${ben.uid}`);
    const connection = await server.live(ben, { path });
    for (const [index, room] of [dissolved, left].entries()) {
      typing(connection, room);
      await connection.until(() => connection.of(Push.ERROR).length === index + 1, "the refusal");
      expect(connection.of(Push.ERROR).at(-1)?.data).toMatchObject({ code: "not_found", requestType: Command.TYPING });
    }
  },
);

test("GW-62: a member's TYPING is accepted before their connection is live", async () => {
  const room = await server.room(ann, [ben]);
  const reader = await server.live(ben);
  const resuming = await server.live(ann, { path: "/ws?resume=1" });
  typing(resuming, room);
  await reader.frame(Push.TYPING, ({ data }) => data.roomId === room);
});

test("GW-63: in rooms of more than 100, and in the hall, nobody hears it", async () => {
  using time = new StillTime();
  // They have no passwords, so that the test does not wait for a hundred hashes.
  const crowd = Array.from({ length: 99 }, async (_, n) => {
    const account = { name: `crowd ${n}`, passwordHash: "", tokenHash: hashOf(newToken()), ip: "", userAgent: "test" };
    return (await server.storage.writes.run(createAccount, account)).user.uid;
  });
  const uids = await Promise.all(crowd);
  const memberIds = [ben.uid, ...uids.slice(0, 98)];
  const { id: room } = await ann.api.ok<{ id: number }>("POST", "/rooms", { name: "g", memberIds });
  const [writer, reader] = await Promise.all([server.live(ann), server.live(ben)]);
  typing(writer, room);
  await reader.frame(Push.TYPING, ({ data }) => data.roomId === room);
  await ann.api.ok("POST", `/rooms/${room}/members`, { memberIds: uids.slice(98) });
  time.advance(3000);
  typing(writer, room);
  typing(writer, 1);
  await writer.echo();
  await reader.echo();
  expect(reader.of(Push.TYPING)).toHaveLength(1);
}, 30_000);
