import { afterAll, beforeAll, expect, test } from "bun:test";
import { Push } from "@parley/protocol";
import { atOnce } from "./at-once.ts";
import { type Person, say, TestServer } from "./harness.ts";

let server: TestServer;
let ann: Person;
let ben: Person;
let cai: Person;
beforeAll(async () => {
  server = await TestServer.start();
  [ann, ben, cai] = [await server.person("ann"), await server.person("ben"), await server.person("cai")];
}, 30_000);
afterAll(() => server.stop());

test("IM-75, GW-13: READ reaches who is live in the room within about a second, without stream and seq; strangers and polls get none", async () => {
  const room = await server.room(ann, [ben]);
  const [sender, stranger] = [await server.live(ann), await server.live(cai)];
  const { cursor } = await ann.api.ok<{ cursor: string }>("GET", "/events");
  for (const text of ["one", "two"]) await say(ann, room, text);
  for (const seq of [2, 3]) await ben.api.ok("PUT", `/rooms/${room}/read`, { seq });
  const newest = () => sender.of(Push.READ).find(({ data }) => data.reads[0].seq === 3);
  await atOnce(server, "READ has come", newest, { afterMs: 1000 });
  expect(newest()).toEqual({ type: Push.READ, data: { roomId: room, reads: [{ uid: ben.uid, seq: 3 }] } });
  expect(sender.of(Push.READ).length).toBeLessThanOrEqual(2);
  await stranger.echo();
  expect(stranger.of(Push.READ)).toEqual([]);
  const { events } = await ann.api.ok<{ events: { type: number }[] }>("POST", "/events", { cursor });
  expect(events.map(({ type }) => type)).toEqual([Push.MESSAGE, Push.MESSAGE]);
}, 20_000);
