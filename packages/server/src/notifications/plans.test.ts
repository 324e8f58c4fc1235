/** Every statement of notifications and events finds what it needs by an index, however many of them there are. */
import { afterAll, beforeAll, expect, test } from "bun:test";
import { userStream } from "@parley/protocol";
import { type CompiledQuery, Kysely } from "kysely";
import { ChatFixture } from "../../test/chat-fixture.ts";
import { readerDialect, writerDialect } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import type { WriteTransaction } from "../db/transaction.ts";
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

const write = (work: (tx: WriteTransaction) => Promise<unknown>) =>
  db
    .transaction()
    .execute((trx) => work({ db: trx, now: chat.clock.now(), clockNow: chat.clock.now(), appended: [], logAt: 0 }));

const HALL = { access: "members", send: "everyone" } as const;
const shared = { by: "key 1", keyId: 1, requestHash: "", everybody: 2, skipUnknown: false, hall: HALL };

test("NTF-27, EVT-9: no statement reads a table from its beginning to its end, but for the log's one row", async () => {
  const [ann, bob] = chat.people(2) as [number, number];
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

  const reader = new Kysely<Schema>({ dialect: readerDialect(chat.scratch.path, 1) });
  const scans = new Map<string, string[]>();
  for (const { sql, parameters } of queries) {
    if (!/^(select|insert|update|delete|with|\s*select)/i.test(sql)) continue;
    const plan = await reader.executeQuery<{ detail: string }>({
      ...({
        sql: `explain query plan ${sql}`,
        parameters,
        query: undefined,
        queryId: undefined,
      } as never as CompiledQuery<{ detail: string }>),
    });
    const details = plan.rows.map(({ detail }) => detail);
    const found = details.filter((detail) => /^SCAN (?!json_each|asked|\(|CONSTANT|log$)/.test(detail));
    const isOfAll = /to_all"? = 1/.test(sql) && !details.some((detail) => detail.includes("notifications_to_all"));
    if (found.length > 0 || isOfAll) scans.set(sql, details);
  }
  await reader.destroy();
  expect([...scans]).toEqual([]);
});
