import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient } from "./live-client.ts";
import { StillTime } from "./still-time.ts";

/** What a blocked person could notice on a live connection. */
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
});
afterAll(() => server.stop());

let made = 0;
async function two(): Promise<[Person, Person, number]> {
  made += 1;
  const [ann, ben] = [await server.person(`ann ${made}`), await server.person(`ben ${made}`)];
  const { id } = await ann.api.ok<{ id: number }>("POST", "/rooms/direct", { userId: ben.uid });
  return [ann, ben, id];
}
const block = (who: Person, whom: Person) => who.api.ok("PUT", `/blocks/${whom.uid}`);
const unblock = (who: Person, whom: Person) => who.api.ok("DELETE", `/blocks/${whom.uid}`);
const type = async (live: LiveClient, roomId: number) => {
  live.send({ type: Command.TYPING, data: { roomId } });
  await live.echo();
};

test("BLK-7: neither of the two learns that the other types in their direct room; their own devices do", async () => {
  using time = new StillTime();
  const [ann, ben, room] = await two();
  await block(ann, ben);
  const [anns, bens, bensPhone] = [await server.live(ann), await server.live(ben), await server.live(ben)];
  await type(bens, room);
  await bensPhone.frame(Push.TYPING);
  await anns.echo();
  expect(anns.of(Push.TYPING)).toEqual([]);
  await type(anns, room);
  await anns.frame(Push.TYPING);
  await bens.echo();
  expect(bens.of(Push.TYPING).map(({ data }) => data.uid)).toEqual([ben.uid]);
  await unblock(ann, ben);
  time.advance(3000);
  await type(bens, room);
  expect((await anns.frame(Push.TYPING, ({ data }) => data.uid === ben.uid)).data).toEqual({
    roomId: room,
    uid: ben.uid,
  });
});

test("BLK-7: in a group of two, typing is told as to everybody", async () => {
  const [ann, ben] = await two();
  const group = await server.room(ann, [ben]);
  await block(ann, ben);
  const [anns, bens] = [await server.live(ann), await server.live(ben)];
  await type(bens, group);
  await anns.frame(Push.TYPING);
});
