import { afterAll, beforeAll, expect, test } from "bun:test";
import { Command, Push } from "@parley/protocol";
import { type Person, TestServer } from "./harness.ts";
import type { LiveClient, SeenFrame } from "./live-client.ts";
import { StillTime } from "./still-time.ts";

/** What a blocked person could notice on a live connection. */
let server: TestServer;
beforeAll(async () => {
  server = await TestServer.start();
}, 30_000);
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

type Told = { uid: number; activeStatus: number };
/** What a connection heard about somebody, in order. */
const told = (live: LiveClient, { uid }: Person): number[] =>
  live
    .of(Push.ONLINE_OFFLINE_NOTIFY)
    .flatMap(({ data }) => data.changeList)
    .filter((one: Told) => one.uid === uid)
    .map((one: Told) => one.activeStatus);
/** What a client believes about somebody: an entry that is older than the known one is ignored. */
function stateOf(live: LiveClient, { uid }: Person): number | undefined {
  let known: Told & { lastOptTime: number } = { uid, activeStatus: 0, lastOptTime: 0 };
  for (const { data } of live.of(Push.ONLINE_OFFLINE_NOTIFY)) {
    for (const one of data.changeList) if (one.uid === uid && one.lastOptTime >= known.lastOptTime) known = one;
  }
  return known.activeStatus;
}
const says =
  ({ uid }: Person, activeStatus: number) =>
  ({ data }: SeenFrame) =>
    data.changeList.some((one: Told) => one.uid === uid && one.activeStatus === activeStatus);
/** Resolves when everything due has been sent: somebody comes online, which each of these rooms hears of later. */
async function roundOver(readers: readonly LiveClient[], rooms: readonly number[], by: Person): Promise<void> {
  const marker = await server.person(`marker ${made++}`);
  for (const room of rooms) await by.api.ok("POST", `/rooms/${room}/members`, { memberIds: [marker.uid] });
  await server.live(marker);
  for (const reader of readers) await reader.frame(Push.ONLINE_OFFLINE_NOTIFY, says(marker, 1));
}

test("BLK-9: in the rooms that both are in, its members are told that the person who blocks has gone, and no more of them", async () => {
  const [ann, ben] = await two();
  const cai = await server.person(`cai ${made}`);
  const group = await server.room(ann, [ben, cai]);
  const apart = await server.room(ann, [cai]);
  const [anns, bens, cais] = [await server.live(ann), await server.live(ben), await server.live(cai)];
  await roundOver([bens, cais], [group], ann);
  expect(told(bens, ann).at(-1)).toBe(1);
  await block(ann, ben);
  await bens.frame(Push.ONLINE_OFFLINE_NOTIFY, says(ann, 2));
  // Somebody who shares another room with her hears of it there, as far as that changes.
  const second = await server.live(ann);
  await roundOver([bens, cais], [group], ann);
  expect(told(bens, ann).at(-1)).toBe(2);
  expect([stateOf(bens, ann), stateOf(cais, ann)]).toEqual([2, 1]);
  // A connection that begins now hears who is online, and she is not named.
  const bensPhone = await server.live(ben);
  await bensPhone.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.complete === true);
  expect([told(bensPhone, ann), told(bensPhone, cai)]).toEqual([[], [1]]);
  const caisPhone = await server.live(cai);
  await caisPhone.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.complete === true);
  expect(told(caisPhone, ann)).toEqual([1]);
  // She herself hears of everybody.
  await second.frame(Push.ONLINE_OFFLINE_NOTIFY, ({ data }) => data.complete === true);
  expect(told(second, cai)).not.toEqual([]);
  expect(apart).toBeGreaterThan(0);
  await unblock(ann, ben);
  await bens.until(() => stateOf(bens, ann) === 1, "that ann is online");
  anns.close();
}, 30_000);

test("BLK-9: somebody blocked who comes into a room takes the person for offline, and everybody is told better when they have left", async () => {
  const [ann, ben] = await two();
  const cai = await server.person(`cai ${made}`);
  const group = await server.room(ann, [cai]);
  await block(ann, ben);
  const [, bens, cais] = [await server.live(ann), await server.live(ben), await server.live(cai)];
  await roundOver([cais], [group], ann);
  expect(told(cais, ann).at(-1)).toBe(1);
  await cai.api.ok("POST", `/rooms/${group}/members`, { memberIds: [ben.uid] });
  await cais.until(() => stateOf(cais, ann) === 2, "that ann has gone");
  await roundOver([bens], [group], ann);
  expect(told(bens, ann).filter((status) => status === 1)).toEqual([]);
  await ben.api.ok("DELETE", `/rooms/${group}/members/${ben.uid}`);
  await cais.until(() => stateOf(cais, ann) === 1, "that ann is online");
}, 30_000);
