/** However much somebody writes that they alone see, it costs nobody else's reading, nor the writer. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { type CompiledQuery, Kysely } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { writerDialect } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import { lookUp as lookUpReads } from "../unread/read-lookups.ts";
import { historyPage } from "./history.ts";
import { messageKinds } from "./kinds/kinds.ts";
import { lookUp as lookUpSends } from "./send-lookups.ts";

let chat: ChatFixture;
let db: Kysely<Schema>;
let queries: CompiledQuery[];
beforeAll(async () => {
  chat = await ChatFixture.open();
  queries = [];
  const log = ({ query }: { query: CompiledQuery }) => void queries.push(query);
  db = new Kysely<Schema>({ dialect: writerDialect(chat.scratch.path), log });
});
afterAll(async () => {
  await db.destroy();
  await chat.close();
});

/** How the statements of some work find messages of a room. */
async function searchesOf(work: () => Promise<unknown>): Promise<string[]> {
  queries.length = 0;
  await work();
  const found = new Set<string>();
  for (const { sql, parameters } of [...queries]) {
    const explain = { sql: `explain query plan ${sql}`, parameters } as unknown as CompiledQuery<{ detail: string }>;
    const { rows } = await db.executeQuery(explain);
    for (const { detail } of rows) if (/ (messages|earlier) .*\(room_id=/.test(detail)) found.add(detail);
  }
  return [...found].sort();
}

test("IM-14, BLK-4: pages look at what everybody sees and at the reader's own, each by an index", async () => {
  const [ann, ben] = chat.people(2) as [number, number];
  const { id: roomId } = await chat.must(ann, "POST", "/rooms/direct", { userId: ben });
  const { message } = await chat.say(ben, roomId, "hello");
  const room = {
    id: roomId,
    window: { fromSeq: 0, leftSeq: null },
    actor: { uid: ann, power: 0 },
    kinds: messageKinds,
  } as const;
  for (const more of [{}, { after: 0 }, { after: message.id }, { around: message.id }]) {
    const query = { cursor: undefined, after: undefined, limit: 10, ...more };
    expect(await searchesOf(() => historyPage(db, room, query))).toEqual([
      expect.stringContaining("messages USING COVERING INDEX messages_sender_only (room_id=? AND uid=? AND seq>"),
      expect.stringContaining("messages USING COVERING INDEX messages_shown (room_id=? AND seq>"),
    ]);
  }
});

test("IM-14, BLK-4: the newest number before a message is found among those that have one", async () => {
  const [ann, ben] = chat.people(2) as [number, number];
  const { id: roomId } = await chat.must(ann, "POST", "/rooms/direct", { userId: ben });
  await chat.must(ann, "PUT", `/blocks/${ben}`);
  const { message } = await chat.say(ben, roomId, "hello");
  const actor = { uid: ben, power: 0 } as const;
  const send = { actor, roomId, clientId: "c", type: 1, stored: {}, mentions: [], visibleTo: "sender" } as const;
  expect(await searchesOf(() => lookUpSends(db, [{ ...send, replyTo: message.id }]))).toEqual([
    expect.stringContaining("earlier USING INDEX messages_shown (room_id=? AND seq<"),
  ]);
  const read = { actor, roomId, seq: message.seq, tell: false };
  expect(await searchesOf(() => lookUpReads(db, [read]))).toEqual([
    expect.stringContaining("messages USING INDEX messages_shown (room_id=? AND seq<"),
  ]);
});
