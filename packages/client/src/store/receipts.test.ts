import { beforeEach, expect, test } from "bun:test";
import { ME, type ModelRoom } from "../../test/rig/model-server.ts";
import { modelStore } from "../../test/rig/model-store.ts";
import { readersOf } from "./read-places.ts";

const [ANN, BEN, CEM] = [20_001, 20_002, 20_003];

const rig = modelStore();
let { server, client, store, settle } = rig();
let room: ModelRoom;
beforeEach(() => {
  ({ server, client, store, settle } = rig());
  room = server.make([ANN, BEN, ME]);
});

const turn = () => new Promise((resolve) => setImmediate(resolve));
const hear = () => {
  while (client.hear());
};

/** For each of the user's own messages that are shown: the people who have read it. */
function readers(): number[][] {
  const places = store.receipts(room.id).getSnapshot();
  const own = store
    .messages(room.id)
    .getSnapshot()
    .items.filter(({ fromUser }) => fromUser.uid === ME);
  return own.map((message) => readersOf(message, places ?? new Map(), server.members(room)));
}

async function shown(): Promise<void> {
  client.connect();
  await settle();
  store.messages(room.id).subscribe(() => {});
  store.receipts(room.id).subscribe(() => {});
  await settle();
}

test("STO-13: people who have read a message are known from before, and told from then on by READ and by what people write; those who came later, or again, are not among its readers", async () => {
  server.say(room, ME, {});
  server.readBy(room, ANN);
  server.say(room, ME, {});
  await shown();
  expect(readers()).toEqual([[ANN], []]);
  server.readBy(room, ANN);
  hear();
  expect(readers()).toEqual([[ANN], [ANN]]);
  server.say(room, BEN, {});
  hear();
  expect(readers()).toEqual([
    [ANN, BEN],
    [ANN, BEN],
  ]);
  server.leave(room, BEN);
  server.join(room, [BEN]);
  server.join(room, [CEM]);
  server.say(room, ME, {});
  server.readBy(room, CEM);
  hear();
  await turn();
  expect([readers(), client.asked]).toEqual([[[ANN], [ANN], [CEM]], []]);
});

test("STO-13: what is told while it is being read counts", async () => {
  server.say(room, ME, {});
  await shown();
  client.reconnect();
  await turn();
  const at = () => client.asked.findIndex(({ route }) => route === "GET /messages/{id}/receipts");
  client.serve(at());
  client.arrive(0);
  await turn();
  client.serve(at());
  server.readBy(room, ANN);
  server.say(room, BEN, {});
  hear();
  client.arrive(0);
  await settle();
  expect(readers()).toEqual([[ANN, BEN]]);
});

test("STO-13: what was missed is read when a connection is back", async () => {
  server.say(room, ME, {});
  await shown();
  server.readBy(room, ANN);
  server.frames.length = 0;
  expect(readers()).toEqual([[]]);
  client.reconnect();
  await settle();
  expect(readers()).toEqual([[ANN]]);
});

test("STO-13: it is read once more where a newer message of the user's own is read, and not where there is none", async () => {
  server.say(room, ME, {});
  for (let at = 0; at < 9; at++) server.say(room, ANN, {});
  server.join(room, [CEM]);
  server.say(room, ME, {});
  server.readBy(room, CEM);
  client.connect();
  await settle();
  const first = room.messages[0]?.message.message.id as number;
  await Promise.all([store.messages(room.id).around(first), settle()]);
  store.receipts(room.id).subscribe(() => {});
  await settle();
  expect(readers()).toEqual([[ANN]]);
  for (let page = 0; page < 2; page++) await Promise.all([store.messages(room.id).newer(), settle()]);
  expect(readers()).toEqual([]);
  await Promise.all([store.messages(room.id).newest(), settle()]);
  expect(readers()).toEqual([[CEM]]);
});

test("STO-13: it is asked for where somebody looks, in rooms of at most 100, and where a message of the user's own is shown", async () => {
  const large = server.make(Array.from({ length: 101 }, (_, at) => ME + at));
  for (const one of [room, large]) server.say(one, ME, {});
  const quiet = server.make([ANN, ME]);
  server.say(quiet, ANN, {});
  client.connect();
  await settle();
  const asked: string[] = [];
  const { request } = client;
  Object.assign(client, {
    request: (route: string, ...args: never[]) => {
      asked.push(route);
      return request(route as "GET /me", ...args);
    },
  });
  for (const one of [room, large, quiet]) store.messages(one.id).subscribe(() => {});
  for (const one of [large, quiet]) store.receipts(one.id).subscribe(() => {});
  await settle();
  expect(asked).toEqual(Array(3).fill("GET /rooms/{id}/messages"));
  store.receipts(room.id).subscribe(() => {});
  await settle();
  expect(asked.slice(3)).toEqual(Array(2).fill("GET /messages/{id}/receipts"));
});
