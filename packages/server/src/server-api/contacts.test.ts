import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Message } from "@parley/protocol";
import { type Person, TestServer } from "../../test/harness.ts";
import { type Door, openDoor, personAtDoor } from "../../test/server-door.ts";

let server: TestServer;
let door: Door;
let ann: Person;
let ben: Person;
beforeAll(async () => {
  server = await TestServer.start({ DIRECT: "friends" });
  door = await openDoor(server, "shop");
  [ann, ben] = [await personAtDoor(server, door, "ann"), await personAtDoor(server, door, "ben")];
}, 20_000);
afterAll(() => server.stop());

let sent = 0;
const send = (more: object) =>
  door.call<Message>("POST", "/messages", { clientId: `c${sent++}`, type: 1, body: { content: "hello" }, ...more });
const rooms = async ({ api }: Person) =>
  (await api.ok<{ items: { id: number; unread: number }[] }>("GET", "/rooms")).items;
const texts = async ({ api }: Person, room: number) =>
  (await api.ok<{ items: Message[] }>("GET", `/rooms/${room}/messages`)).items.length;

test("BLK-4, BLK-8: what the product sends in the name of somebody who is blocked is hidden, and what it sends itself is not", async () => {
  await ann.api.ok("PUT", `/blocks/${ben.uid}`);
  const { status, body } = await send({ direct: ["ann", "ben"], from: "ben" });
  expect(status).toBe(201);
  const room = body.message.roomId;
  const known = (list: { id: number }[]) => list.some(({ id }) => id === room);
  expect([known(await rooms(ann)), known(await rooms(ben))]).toEqual([false, true]);
  expect(await texts(ben, room)).toBe(1);
  expect((await send({ direct: ["ann", "ben"], from: "ben" })).status).toBe(201);
  expect(known(await rooms(ann))).toBe(false);
  // Nobody can block the system, and DIRECT=friends does not apply to a key.
  expect((await send({ direct: ["ann", "ben"] })).status).toBe(201);
  expect([known(await rooms(ann)), await texts(ann, room), await texts(ben, room)]).toEqual([true, 1, 3]);
  expect((await send({ direct: ["ann", "ben"], from: "ann" })).status).toBe(201);
});

test("BLK-8: people whom the product brings into a group are told of it, though one of them has blocked another", async () => {
  await door.ok("PUT", "/rooms/all", {});
  await door.ok("POST", "/rooms/all/members", { add: ["ann", "ben"] });
  expect((await rooms(ann)).length).toBe((await rooms(ben)).length);
});

test("FRD-1, FRD-24: people of the product are friends like all others, and their contacts end with their account", async () => {
  const [cem, dan] = [await personAtDoor(server, door, "cem"), await personAtDoor(server, door, "dan")];
  const { id } = await cem.api.ok<{ id: number }>("POST", "/friend-requests", { userId: dan.uid, text: "hi" });
  await dan.api.ok("POST", `/friend-requests/${id}/accept`);
  expect((await dan.api.ok<{ items: unknown[] }>("GET", "/friends")).items).toMatchObject([
    { uid: cem.uid, name: "cem" },
  ]);
  await door.call("DELETE", "/users/cem");
  expect((await dan.api.ok<{ items: unknown[] }>("GET", "/friends")).items).toEqual([]);
});
