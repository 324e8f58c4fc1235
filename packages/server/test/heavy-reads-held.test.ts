import { afterAll, beforeAll, expect, test } from "bun:test";
import { nextTurn } from "../src/lib/interval.ts";
import type { HeavyReads } from "../src/limits/heavy-reads.ts";
import { ChatFixture } from "./chat-fixture.ts";
import { BEN, EventsRig } from "./events-rig.ts";

let chat: ChatFixture;
let ann: number;
let room: number;
beforeAll(async () => {
  chat = await ChatFixture.open({ HALL: "public" });
  [ann] = chat.people(2) as [number, number];
  room = await chat.group(ann);
});
afterAll(() => chat.close());

/** Takes all of a reader's places; they come back with `free`. */
function occupy(heavyReads: HeavyReads, reader: string | number): { free: () => Promise<unknown> } {
  const end = Promise.withResolvers<void>();
  const held = Array.from({ length: 4 }, () => heavyReads.run(reader, () => end.promise));
  return {
    free: () => {
      end.resolve();
      return Promise.all(held);
    },
  };
}

/** What was asked does not answer while the places are taken, and does behind that. */
async function waitsFor<T>(heavyReads: HeavyReads, reader: string | number, ask: () => Promise<T>): Promise<T> {
  const places = occupy(heavyReads, reader);
  let answered = false;
  const asked = ask().finally(() => {
    answered = true;
  });
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  expect(answered).toBe(false);
  await places.free();
  return asked;
}

const heavy = () => [
  "/rooms",
  `/rooms/${room}/members`,
  `/rooms/${room}/messages`,
  "/unread",
  "/me/export",
  "/users?query=p2",
];

test.each([0, 1, 2, 3, 4, 5])("HTTP-16: heavy reads wait for their turn (%d)", async (index) => {
  const path = heavy()[index] as string;
  const reply = await waitsFor(chat.context.heavyReads, ann, () => chat.ask(ann, "GET", path));
  expect({ path, status: reply.status }).toEqual({ path, status: 200 });
});

test("HTTP-16: where nobody is signed in, the address has the turns", async () => {
  const ask = () => chat.ask(undefined, "GET", "/rooms/1/messages");
  expect((await waitsFor(chat.context.heavyReads, "203.0.113.9", ask)).status).toBe(200);
});

test("HTTP-16: a poll waits for its turn to read, and holds no place while it hangs", async () => {
  const rig = await EventsRig.open();
  await rig.say(3);
  const cursor = `${rig.log.scratch.epoch};*@0`;
  const reply = await waitsFor(rig.heavyReads, BEN, () => rig.poll({ cursor }));
  expect(reply.frames).toHaveLength(3);
  const controller = new AbortController();
  const hung = Array.from({ length: 3 }, () => rig.poll({ waitMs: 60_000, signal: controller.signal }));
  while (rig.polls.hanging < 3) await nextTurn();
  for (let turn = 0; turn < 10; turn++) await nextTurn();
  expect([rig.polls.hanging, rig.heavyReads.size]).toEqual([3, 0]);
  controller.abort();
  await Promise.all(hung);
  await rig.close();
});
