/** Every statement of notifications and events finds what it needs by an index, however many of them there are. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { userStream } from "@parley/protocol";
import type { CompiledQuery } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { fullReads, plansOf, type Step } from "../../test/query-plans.ts";
import { openReader, openWritingConnection, type ReadDatabase } from "../db/open.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import type { WritingConnection } from "../db/writing-connection.ts";
import { exportNotices } from "../identity/export-notices.ts";
import { forgetNotices } from "../identity/forget-notices.ts";
import { removeOldReplies } from "../keys/deduped.ts";
import { customDataOf } from "../server-api/custom-data.ts";
import { pushEvents, removeUnusedEvents } from "../server-api/custom-writes.ts";
import { settleMatter } from "../server-api/notification-actions.ts";
import { notifyPeople } from "../server-api/notify-writes.ts";
import { countersOf } from "./counters.ts";
import { markNotices } from "./mark-writes.ts";
import { changeNotices } from "./notice-changes.ts";
import { noticeDataOf } from "./notice-data.ts";
import { noticePage } from "./notice-list.ts";
import { removeExpiredNotices } from "./upkeep-writes.ts";

let chat: ChatFixture;
let writer: WritingConnection;
let db: ReadDatabase;
let queries: CompiledQuery[];
beforeAll(async () => {
  chat = await ChatFixture.open();
  queries = [];
  const log = ({ query }: { query: CompiledQuery }) => void queries.push(query);
  const { clock } = chat;
  db = openReader(chat.scratch.place, { log });
  writer = openWritingConnection(chat.scratch.place, { clock, log });
});
afterAll(async () => {
  await writer.close();
  await db.destroy();
  await chat.close();
});

const write = (work: (tx: WriteTransaction) => Promise<unknown>) => writer.transaction(work);

const HALL = { access: "members", send: "everyone" } as const;
const shared = { by: "key 1", keyId: 1, requestHash: "", everybody: 2, skipUnknown: false, hall: HALL };

test("NTF-27, EVT-9: no statement reads a table from its beginning to its end, but for the log's one row and the few of writers", async () => {
  const [ann, bob] = (await chat.people(2)) as [number, number];
  await chat.must(ann, "POST", "/friend-requests", { userId: bob });
  const text = { kind: "a", key: "k", collapseKey: "c", title: "t", text: "", link: null, data: null, ttlMs: 1000 };
  for (const to of [{ users: [ann, bob] }, { all: true as const }]) {
    for (let n = 0; n < 2; n++) {
      await write((tx) => notifyPeople(tx, [{ ...shared, dedupeKey: `${n}`, to, notice: text }]));
      const event = { kind: "a", data: "1", collapseKey: "c", ttlMs: 1000, log: true, dedupeKey: `e${n}` };
      await write((tx) => pushEvents(tx, [{ ...shared, ...event, to }]));
    }
  }
  const { id } = await chat.scratch.db
    .selectFrom("notifications")
    .select("id")
    .where("to_all", "=", 0)
    .executeTakeFirstOrThrow();
  await write((tx) => changeNotices(tx, [{ by: "key 1", ids: [id], change: { done: true }, recipients: 2 }]));
  for (const kind of ["read", "archived"] as const) {
    await write((tx) =>
      markNotices(tx, [{ actor: { uid: ann, power: 0 }, act: { kind, upTo: 1, ids: [id, id + 3] } }]),
    );
  }
  const now = chat.clock.now();
  await countersOf(db, { uids: [ann, bob], now });
  for (const state of ["all", "unread", "archived"] as const) {
    await noticePage(db, { uid: ann, now }, { state, before: 99, limit: 10 });
  }
  const events = [{ stream: userStream(ann), type: 102, messageId: id }];
  await noticeDataOf(db, events, now);
  await customDataOf(db, events, now);
  const key = { id: 1, name: "a", scopes: new Set<never>(), rate: null, recipientsRate: null, allRate: null };
  await settleMatter({ ...chat.context, db }, key, { kind: "a", key: "k" });
  await exportNotices(db, ann, 0);
  await write((tx) => changeNotices(tx, [{ by: "key 1", ids: [id], change: "take back", recipients: 2 }]));
  chat.clock.advance(1000);
  for (let n = 0; n < 3; n++) await write(removeExpiredNotices);
  await write((tx) => removeUnusedEvents(tx, { after: 0 }));
  await write(removeOldReplies);
  await write((tx) => forgetNotices(tx, ann));

  const plans = await plansOf(chat.scratch.place, queries);
  expect(plans.length).toBeGreaterThan(20);
  // The log is one row, and of writers there is one for each server of the last hour. What is to everybody is an index of its own, of which PostgreSQL does not say that it compares what all of it has.
  const allowed = ({ table, index }: Step) =>
    table === "log" || table === "writers" || index === "notifications_to_all";
  const full = fullReads(plans).filter(({ steps }) => !steps.every(allowed));
  const ofAll = plans.filter(
    ({ sql, steps }) => /to_all"? = 1/.test(sql) && !steps.some(({ index }) => index === "notifications_to_all"),
  );
  expect([...full, ...ofAll]).toEqual([]);
});
