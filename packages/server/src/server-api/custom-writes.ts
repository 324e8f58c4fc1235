import { ALL_STREAM, Push, type Ref, roomStream, userStream } from "@parley/protocol";
import { sql } from "kysely";
import { insertRows, numberList } from "../db/rows.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import { type Answered, type DedupedRequest, once } from "../keys/deduped.ts";
import { type Asked, type Recipients, recipientsOf } from "./recipients.ts";

/** An event of the product's own, with its people and rooms as the product names them. */
export interface PushEvent extends DedupedRequest, Asked {
  /** Whose turn at the writer it takes. */
  readonly by: string;
  readonly kind: string;
  /** JSON text. */
  readonly data: string;
  readonly collapseKey: string | null;
  readonly ttlMs: number | null;
  /** False: nothing is logged. */
  readonly log: boolean;
  /** How many people there are. */
  readonly everybody: number;
}

export interface Pushed {
  readonly recipients: number;
  /** Where those whom nobody knows were to be left out. */
  readonly skipped?: readonly Ref[];
}

/** What became of one: `live` are the streams whose live readers are still to be told, where nothing was logged. */
export type PushResult = Answered<Pushed> & { readonly live: readonly string[] };

/** JSON text of the data of CUSTOM. @param data JSON text */
export function customText(kind: string, data: string): string {
  return `{"kind":${JSON.stringify(kind)},"data":${data}}`;
}

/**
 * Logs the events of all requests that wait, each for every person or room that it names, or once for everybody. Most have what they say in
 * the log's row. Those that may expire or be replaced have it in a row of their own (`custom-data.ts`).
 */
export async function pushEvents(tx: WriteTransaction, inputs: readonly PushEvent[]): Promise<Outcome<PushResult>[]> {
  const live = new Map<PushEvent, string[]>();
  const outcomes = await once(tx, inputs, async (fresh) => {
    const meantBy = await recipientsOf(tx.db, fresh);
    const verdicts = fresh.map((input) => outcomeOf(() => ({ input, to: meantBy(input) })));
    const accepted = acceptedOf(verdicts);
    await store(
      tx,
      accepted.flatMap(({ input, to }) => (input.log ? [{ input, streams: streamsOf(to) }] : [])),
    );
    for (const { input, to } of accepted) if (!input.log) live.set(input, streamsOf(to));
    return verdicts.map((verdict): Outcome<Pushed> => {
      return verdict.ok ? { ok: true, value: replyTo(verdict.value.input, verdict.value.to) } : verdict;
    });
  });
  return outcomes.map((outcome, index) => {
    if (!outcome.ok) return outcome;
    return { ok: true, value: { ...outcome.value, live: live.get(inputs[index] as PushEvent) ?? [] } };
  });
}

function replyTo({ skipUnknown, everybody }: PushEvent, { uids, roomIds, skipped }: Recipients): Pushed {
  const recipients = uids === "all" ? everybody : uids.length + roomIds.length;
  return { recipients, ...(skipUnknown ? { skipped: skipped.map(({ ref }) => ref) } : {}) };
}

function streamsOf({ uids, roomIds }: Recipients): string[] {
  return uids === "all" ? [ALL_STREAM] : [...uids.map(userStream), ...roomIds.map(roomStream)];
}

interface Placed {
  readonly input: PushEvent;
  readonly streams: readonly string[];
}

async function store(tx: WriteTransaction, pushed: readonly Placed[]): Promise<void> {
  const drafts: Draft[] = [];
  const next = tx.end.pos + 1;
  const passing: (Placed & { id: number })[] = [];
  for (const { input, streams } of pushed) {
    const text = customText(input.kind, input.data);
    const id = next + drafts.length;
    const isPassing = input.ttlMs !== null || input.collapseKey !== null;
    // Nobody reads it, and so nobody is there for whom it could end.
    if (isPassing && streams.length > 0) passing.push({ input, streams, id });
    for (const stream of streams) {
      drafts.push({
        ...{ stream, type: Push.CUSTOM, data: () => text },
        ...(isPassing ? { message: { id, storesData: false }, cacheable: false } : {}),
      });
    }
  }
  await append(tx, drafts);
  sent(
    tx,
    insertRows(tx.db, "custom_events", {
      columns: ["id", "kind", "data", "collapse_key", "expires_at"],
      values: passing.map(({ id, input: { kind, data, collapseKey, ttlMs } }) => {
        return [id, kind, data, collapseKey, ttlMs === null ? null : tx.clockNow + ttlMs];
      }),
    }),
  );
  sent(
    tx,
    insertRows(tx.db, "custom_latest", {
      columns: ["stream", "collapse_key", "id"],
      values: passing.flatMap(({ id, streams, input: { collapseKey } }) =>
        collapseKey === null ? [] : streams.map((stream) => [stream, collapseKey, id]),
      ),
      conflict: { key: ["stream", "collapse_key"], take: ["id"] },
    }),
  );
}

/** Rows that one write of upkeep looks at. */
export const LOOKED_AT_ONCE = 100;

/**
 * Removes the rows of events that have left the log, looking at the next hundred.
 * @returns the id behind which to go on, null: those were the last; and how many could go
 */
export async function removeUnusedEvents(
  tx: WriteTransaction,
  { after }: { after: number },
): Promise<{ after: number | null; removed: number }> {
  // Those to look at come from a query of their own: for a number of rows that is not known PostgreSQL would read the whole index of events.
  const looked = tx.db
    .selectFrom("custom_events")
    .select("id")
    .where("id", ">", after)
    .orderBy("id")
    .limit(LOOKED_AT_ONCE);
  const rows = await tx.db
    .selectFrom(looked.as("looked"))
    .select("id")
    .select(({ selectFrom, exists }) =>
      exists(
        selectFrom("events")
          .select("pos")
          // As the index has them.
          .where("type", "=", sql.lit(Push.CUSTOM))
          .where("message_id", "is not", null)
          .whereRef("events.message_id", "=", "looked.id"),
      ).as("isUsed"),
    )
    .orderBy("id")
    .execute();
  const unused = rows.filter(({ isUsed }) => !isUsed).map(({ id }) => id);
  sent(tx, tx.db.deleteFrom("custom_latest").where("id", "in", numberList(unused)).execute());
  sent(tx, tx.db.deleteFrom("custom_events").where("id", "in", numberList(unused)).execute());
  return { after: rows.length === LOOKED_AT_ONCE ? (rows.at(-1)?.id ?? null) : null, removed: unused.length };
}
