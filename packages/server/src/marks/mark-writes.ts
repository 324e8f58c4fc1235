import { type MessageMark, Push, type PushData, roomStream, userStream } from "@parley/protocol";
import { sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows } from "../db/rows.ts";
import { acceptedOf, type Outcome, sent, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { lookUp, type MarkInput } from "./mark-lookups.ts";
import { judge, type MarksAfter, type Verdict } from "./mark-verdicts.ts";

/**
 * Sets and takes away all waiting marks, of any people and messages, by set queries. Each change is one event with the count after it; the
 * rows are written once for the whole batch.
 */
export async function changeMarks(tx: WriteTransaction, inputs: readonly MarkInput[]): Promise<Outcome<MessageMark>[]> {
  const { outcomes, after } = judge(inputs, await lookUp(tx.db, inputs));
  await store(tx, after);
  await append(
    tx,
    acceptedOf(outcomes).flatMap((verdict) => (verdict.changes.length > 0 ? [eventOf(verdict)] : [])),
  );
  return outcomes.map((outcome) => (outcome.ok ? { ok: true, value: outcome.value.shown } : outcome));
}

/** It is in the stream of the message and names it: readers who catch up get the message with its counts at that time. */
function eventOf({ message, changes, only }: Verdict): Draft {
  const data: PushData[8] = { markList: [...changes] };
  const reader = message.senderOnly === 0 ? only : message.uid;
  return {
    stream: reader === undefined ? roomStream(message.roomId) : userStream(reader),
    type: Push.MARK,
    message: { id: message.id, storesData: true },
    data: () => JSON.stringify(data),
  };
}

async function store(tx: WriteTransaction, { marks, counts, hidden }: MarksAfter): Promise<void> {
  await storeHidden(tx, [...hidden.values()]);
  const rows = [...marks.values()];
  sent(
    tx,
    insertRows(tx.db, "marks", {
      columns: ["uid", "message_id", "type"],
      values: rows.flatMap(({ uid, messageId, mark }) => (mark === null ? [] : [[uid, messageId, mark]])),
      conflict: { key: ["uid", "message_id"], take: ["type"] },
    }),
  );
  const gone = rows.flatMap(({ uid, messageId, mark }) => (mark === null ? [[uid, messageId]] : []));
  if (gone.length > 0) await removeMarks(tx.db, gone);
  if (counts.size > 0)
    await storeCounts(
      tx.db,
      [...counts].map(([id, { 1: likes, 2: dislikes }]) => [id, likes, dislikes]),
    );
}

async function storeHidden(
  tx: WriteTransaction,
  rows: readonly { uid: number; messageId: number; mark: 1 | 2 | null | undefined }[],
): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "hidden_marks", {
      columns: ["uid", "message_id", "type"],
      values: rows.flatMap(({ uid, messageId, mark }) => (mark === undefined ? [] : [[uid, messageId, mark ?? 0]])),
      conflict: { key: ["uid", "message_id"], take: ["type"] },
    }),
  );
  const gone = rows.flatMap(({ uid, messageId, mark }) => (mark === undefined ? [[uid, messageId]] : []));
  if (gone.length > 0) await removeHidden(tx.db, gone);
}

const removeHidden = prepared((db, gone) =>
  db
    .deleteFrom("hidden_marks")
    .where((eb) =>
      eb(
        eb.refTuple("uid", "message_id"),
        "in",
        sql<never>`${boundRows({ uid: "number", message_id: "number" }, gone)}`,
      ),
    ),
);

const removeMarks = prepared((db, gone) =>
  db
    .deleteFrom("marks")
    .where((eb) =>
      eb(
        eb.refTuple("uid", "message_id"),
        "in",
        sql<never>`${boundRows({ uid: "number", message_id: "number" }, gone)}`,
      ),
    ),
);

const storeCounts = prepared((db, counted) =>
  db
    .updateTable("messages")
    .from(boundRows({ id: "number", likes: "number", dislikes: "number" }, counted).as("counted"))
    .set((eb) => ({ likes: eb.ref("counted.likes"), dislikes: eb.ref("counted.dislikes") }))
    .whereRef("messages.id", "=", "counted.id"),
);
