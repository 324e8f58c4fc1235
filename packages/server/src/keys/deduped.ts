import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows } from "../db/rows.ts";
import { type Outcome, sent, type WriteTransaction } from "../db/transaction.ts";
import { ProblemError } from "../lib/problem.ts";

/** How long a `dedupeKey` is remembered. */
const KNOWN_MS = 24 * 3_600_000;
const REMOVED_AT_ONCE = 100;

/** A request of a server key that may come again. */
export interface DedupedRequest {
  readonly keyId: number;
  /** Null: each is a separate request. */
  readonly dedupeKey: string | null;
  /** Of the route and the body. */
  readonly requestHash: string;
}

/** The digest by which a request is known again. */
export function requestHash(route: string, body: object): string {
  return new Bun.CryptoHasher("sha256").update(JSON.stringify([route, body])).digest("hex");
}

export interface Answered<R> {
  readonly reply: R;
  /** False: it was answered before, and nothing was done now. */
  readonly created: boolean;
}

/**
 * Performs requests, each `dedupeKey` of a server key once in 24 hours: the same request again is answered with the first reply, and another
 * one refused. A refused request counts as never made.
 */
export async function once<I extends DedupedRequest, R>(
  tx: WriteTransaction,
  inputs: readonly I[],
  perform: (fresh: readonly I[]) => Promise<Outcome<R>[]>,
): Promise<Outcome<Answered<R>>[]> {
  const earlier = await earlierReplies(tx, inputs);
  const outcomes = new Map<I, Outcome<Answered<R>>>();
  const fresh: I[] = [];
  const repeats: I[] = [];
  const first = new Set<string>();
  for (const input of inputs) {
    const key = nameOf(input);
    const known = earlier.get(key);
    if (known) outcomes.set(input, answerAgain(input, known));
    else if (input.dedupeKey !== null && first.has(key)) repeats.push(input);
    else {
      first.add(key);
      fresh.push(input);
    }
  }
  const results = await perform(fresh);
  const done = fresh.map((input, index) => ({ input, outcome: results[index] as Outcome<R> }));
  await storeReplies(tx, done);
  for (const { input, outcome } of done) {
    outcomes.set(input, outcome.ok ? { ok: true, value: { reply: outcome.value, created: true } } : outcome);
  }
  // A request that comes twice in one batch is looked up once more, after the first.
  const again = repeats.length === 0 ? [] : await once(tx, repeats, perform);
  for (const [index, input] of repeats.entries()) outcomes.set(input, again[index] as Outcome<Answered<R>>);
  return inputs.map((input) => outcomes.get(input) as Outcome<Answered<R>>);
}

/** Removes what is older than a day, a bounded number at once. @returns whether there may be more */
export async function removeOldReplies(tx: WriteTransaction): Promise<boolean> {
  const old = tx.db
    .selectFrom("server_dedupes")
    .select(["key_id", "dedupe_key"])
    .where("at", "<=", tx.clockNow - KNOWN_MS)
    .limit(REMOVED_AT_ONCE);
  const removed = await tx.db
    .deleteFrom("server_dedupes")
    .where((eb) => eb(eb.refTuple("key_id", "dedupe_key"), "in", old.$asTuple("key_id", "dedupe_key")))
    .returning("key_id")
    .execute();
  return removed.length === REMOVED_AT_ONCE;
}

interface Earlier {
  readonly requestHash: string;
  readonly reply: string;
}

function answerAgain<R>({ requestHash }: DedupedRequest, earlier: Earlier): Outcome<Answered<R>> {
  if (requestHash !== earlier.requestHash) return { ok: false, error: new ProblemError("dedupe_key_reused") };
  return { ok: true, value: { reply: JSON.parse(earlier.reply) as R, created: false } };
}

function nameOf({ keyId, dedupeKey }: { keyId: number; dedupeKey: string | null }): string {
  return `${keyId} ${dedupeKey}`;
}

async function earlierReplies(
  tx: WriteTransaction,
  inputs: readonly DedupedRequest[],
): Promise<ReadonlyMap<string, Earlier>> {
  const asked = inputs.flatMap(({ keyId, dedupeKey }) => (dedupeKey === null ? [] : [[keyId, dedupeKey]]));
  if (asked.length === 0) return new Map();
  const rows = await repliesOf(tx.db, asked);
  return new Map(rows.flatMap((row) => (row.at > tx.clockNow - KNOWN_MS ? [[nameOf(row), row] as const] : [])));
}

const repliesOf = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ key_id: "number", dedupe_key: "text" }, asked).as("asked"))
    .innerJoin("server_dedupes as known", (join) =>
      join.onRef("known.key_id", "=", "asked.key_id").onRef("known.dedupe_key", "=", "asked.dedupe_key"),
    )
    .select(["known.key_id as keyId", "known.dedupe_key as dedupeKey", "known.request_hash as requestHash"])
    .select(["known.reply", "known.at"]),
);

async function storeReplies<R>(
  tx: WriteTransaction,
  done: readonly { input: DedupedRequest; outcome: Outcome<R> }[],
): Promise<void> {
  sent(
    tx,
    insertRows(tx.db, "server_dedupes", {
      columns: ["key_id", "dedupe_key", "request_hash", "reply", "at"],
      values: done.flatMap(({ input: { keyId, dedupeKey, requestHash }, outcome }) =>
        dedupeKey === null || !outcome.ok
          ? []
          : [[keyId, dedupeKey, requestHash, JSON.stringify(outcome.value), tx.clockNow]],
      ),
      // A key from more than a day ago counts as forgotten.
      conflict: { key: ["key_id", "dedupe_key"], take: ["request_hash", "reply", "at"] },
    }),
  );
}
