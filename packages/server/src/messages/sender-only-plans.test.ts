/** However much somebody writes that they alone see, it costs nobody else's reading, nor the writer. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import type { CompiledQuery } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { plansOf } from "../../test/query-plans.ts";
import { openReader, type ReadDatabase } from "../db/open.ts";
import { begunTransaction } from "../db/transaction.ts";
import { lookUp as lookUpReads } from "../unread/read-lookups.ts";
import { historyPage } from "./history.ts";
import { messageKinds } from "./kinds/kinds.ts";
import { lookUp as lookUpSends } from "./send-lookups.ts";

let chat: ChatFixture;
let db: ReadDatabase;
let queries: CompiledQuery[];
beforeAll(async () => {
  chat = await ChatFixture.open();
  queries = [];
  db = openReader(chat.scratch.place, { log: ({ query }) => void queries.push(query) });
});
afterAll(async () => {
  await db.destroy();
  await chat.close();
});

/** How the statements of some work find messages of a room: by which index, and by which of its columns. */
async function searchesOf(work: () => Promise<unknown>): Promise<string[]> {
  queries.length = 0;
  await work();
  const found = new Set<string>();
  for (const { steps } of await plansOf(chat.scratch.place, [...queries])) {
    for (const { table, index, by } of steps) {
      if (/^(messages|earlier)$/.test(table) && by.includes("room_id"))
        found.add(`${table} ${index} (${by.join(", ")})`);
    }
  }
  return [...found].sort();
}

test("IM-14, BLK-4: pages look at what everybody sees and at the reader's own, each by an index", async () => {
  const [ann, ben] = (await chat.people(2)) as [number, number];
  const { id: roomId } = await chat.must(ann, "POST", "/rooms/direct", { userId: ben });
  const { message } = await chat.say(ben, roomId, "hello");
  const room = {
    id: roomId,
    window: { fromSeq: 0, leftSeq: null },
    actor: { uid: ann, power: 0 },
    kinds: messageKinds,
    shows: () => {},
  } as const;
  for (const more of [{}, { after: 0 }, { after: message.id }, { around: message.id }]) {
    const query = { cursor: undefined, after: undefined, limit: 10, ...more };
    expect(await searchesOf(() => historyPage(db, room, query))).toEqual([
      expect.stringMatching(/^messages messages_sender_only \(room_id, uid, seq\b/),
      expect.stringMatching(/^messages messages_shown \(room_id, seq\b/),
    ]);
  }
});

test("IM-14, BLK-4: the newest number before a message is found among those that have one", async () => {
  const [ann, ben] = (await chat.people(2)) as [number, number];
  const { id: roomId } = await chat.must(ann, "POST", "/rooms/direct", { userId: ben });
  await chat.must(ann, "PUT", `/blocks/${ben}`);
  const { message } = await chat.say(ben, roomId, "hello");
  const actor = { uid: ben, power: 0 } as const;
  const send = { actor, roomId, clientId: "c", type: 1, stored: {}, mentions: [], visibleTo: "sender" } as const;
  const tx = begunTransaction({
    db,
    now: 1,
    clockNow: 1,
    end: { pos: 1 },
    changesSoFar: async () => 0,
    roundTrips: () => 0,
  });
  expect(await searchesOf(() => lookUpSends(tx, [{ ...send, replyTo: message.id }], messageKinds))).toEqual([
    "earlier messages_shown (room_id, seq)",
  ]);
  const read = { actor, roomId, seq: message.seq, tell: false };
  expect(await searchesOf(() => lookUpReads(db, [read]))).toEqual(["messages messages_shown (room_id, seq)"]);
});
