import { ALL_STREAM, Push, userOfStream } from "@parley/protocol";
import { sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows, numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import type { Draft } from "../event-log/event-log.ts";
import { goneText } from "./notice-data.ts";

/** A notification in the list of a person or of everybody; `stream` says which list. */
export interface Listed {
  readonly stream: string;
  readonly id: number;
}

/** Says that a notification has left the list; readers who catch up learn no more of it. */
export function goneDraft({ stream, id }: Listed): Draft {
  return { stream, type: Push.NOTIFICATION, message: { id, storesData: true }, data: () => goneText(id) };
}

/** Takes notifications out of lists. A notification that nobody has any more is removed with its content. */
export async function removeListed(tx: WriteTransaction, listed: readonly Listed[]): Promise<void> {
  const ofAll = listed.flatMap(({ stream, id }) => (stream === ALL_STREAM ? [id] : []));
  if (ofAll.length > 0) await takeBackFromAll(tx, ofAll);
  const own = listed.flatMap(({ stream, id }) => {
    const uid = userOfStream(stream);
    return uid === undefined ? [] : [[uid, id] as const];
  });
  if (own.length === 0) return;
  await removeRecipients(tx.db, own);
  await changeKept(
    tx,
    counted(
      own.map(([uid]) => uid),
      -1,
    ),
  );
  await removeUnlisted(tx.db, [...new Set(own.map(([, id]) => id))]);
}

/** Adds to the numbers of notifications that people have. */
export async function changeKept(tx: WriteTransaction, changes: ReadonlyMap<number, number>): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "notification_places", {
      columns: ["uid", "kept"],
      values: [...changes],
      conflict: { key: ["uid"], update: { kept: "notification_places.kept + excluded.kept" } },
    }),
  );
}

/** How often each of them is there, times `sign`. */
export function counted(uids: readonly number[], sign: 1 | -1): Map<number, number> {
  const counts = new Map<number, number>();
  for (const uid of uids) counts.set(uid, (counts.get(uid) ?? 0) + sign);
  return counts;
}

/** Its row stays until people's marks on it are gone, which upkeep removes (`upkeep-writes.ts`). */
async function takeBackFromAll(tx: WriteTransaction, ids: readonly number[]): Promise<void> {
  sent(
    tx,
    tx.db
      .updateTable("notifications")
      .set({ is_gone: 1, expires_at: tx.clockNow, title: "", text: "", link: null, data: null })
      .where("id", "in", numberList(ids))
      .execute(),
  );
}

const removeRecipients = prepared((db, own) =>
  db
    .deleteFrom("notification_recipients")
    .where((eb) =>
      eb(eb.refTuple("uid", "notification_id"), "in", sql<never>`${boundRows({ uid: "number", id: "number" }, own)}`),
    ),
);

const removeUnlisted = prepared((db, ids) =>
  db
    .deleteFrom("notifications")
    .where("id", "in", numberList(ids))
    .where("to_all", "=", 0)
    .where("is_swept", "=", 0)
    .where(({ not, exists, selectFrom }) =>
      not(
        exists(
          selectFrom("notification_recipients")
            .select("uid")
            .whereRef("notification_recipients.notification_id", "=", "notifications.id"),
        ),
      ),
    ),
);
