import { beforeEach, expect, test } from "bun:test";
import { Push } from "@parley/protocol/events";
import { modelStore } from "../../test/rig/model-store.ts";

let now = 0;
const rig = modelStore({ now: () => now });
let { server, client, store, settle } = rig();
beforeEach(() => {
  now = 0;
  ({ server, client, store, settle } = rig());
});

const ids = () => store.notifications.getSnapshot().items.map(({ id }) => id);
const dot = () => store.unread.getSnapshot().notifications;

test("STO-11: the list is read when somebody looks, and has what comes meanwhile once, and not what was taken back", async () => {
  const [first, second] = [server.notify(), server.notify()];
  for (let at = 0; at < 4; at++) server.notify();
  client.connect();
  await settle();
  expect(store.notifications.getSnapshot()).toMatchObject({ items: [], state: "loading" });
  store.notifications.subscribe(() => {});
  await Promise.resolve();
  client.serve(0);
  const third = server.notify();
  client.hear();
  server.takeBack(second);
  client.arrive(0);
  await settle();
  expect(ids()).toEqual(server.notifications.map(({ id }) => id));
  expect([ids()[0], ids().at(-1), store.notifications.getSnapshot().isWhole]).toEqual([third, first, true]);
  expect(dot()).toBe(6);
});

test("STO-11: one that is not new and not in the list is not the user's any more", async () => {
  client.connect();
  store.notifications.subscribe(() => {});
  await settle();
  const id = server.notify();
  const [{ push } = { push: undefined }] = server.frames.slice(-1);
  server.takeBack(id);
  await settle();
  if (push) server.frames.push({ pos: 0, push });
  await settle();
  expect([ids(), dot()]).toEqual([[], 0]);
});

test("STO-11: what expires leaves the list by the client's clock", async () => {
  server.notify({ expiresAt: 5 });
  const stays = server.notify({ expiresAt: 1_000_000 });
  client.connect();
  store.notifications.subscribe(() => {});
  await settle();
  expect(ids().length).toBe(2);
  now = 6;
  await settle();
  while (ids().length > 1) await settle();
  expect([ids(), dot()]).toEqual([[stays], 1]);
  store.stop();
});

test("STO-11: where nobody looks at the list the server's number counts, and one more for each to everybody", async () => {
  client.connect();
  await settle();
  client.tell({ type: Push.RED_DOT, data: { total: 0, rooms: [], friendRequests: 2, notifications: 3 } });
  server.notify({ stream: "all" });
  await settle();
  expect(store.unread.getSnapshot()).toEqual({ total: 0, friendRequests: 2, notifications: 4 });
});
