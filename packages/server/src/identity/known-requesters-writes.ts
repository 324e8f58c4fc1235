import { sql } from "kysely";
import { insertRows, numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { CAPS } from "../limits/caps.ts";
import { KNOWN_FOR_MS } from "./known-requesters.ts";

/** Rows removed by one write; a large delete would delay the sends that wait behind it. */
const REMOVED_AT_ONCE = 100;

export interface Known {
  readonly uid: number;
  /** See `addressMark` and `tokenMark`. */
  readonly mark: string;
}

/** Remembers where people have signed in from, inside another write. If a person has too many, the longest unused ones go. */
export async function noteKnown(tx: WriteTransaction, known: readonly Known[]): Promise<void> {
  if (known.length === 0) return;
  sent(
    tx,
    insertRows(tx.db, "known_requesters", {
      columns: ["uid", "mark", "seen_at"],
      values: known.map(({ uid, mark }) => [uid, mark, tx.now]),
      conflict: { key: ["uid", "mark"], take: ["seen_at"] },
    }),
  );
  const uids = numberList([...new Set(known.map(({ uid }) => uid))]);
  await sql`delete from known_requesters where (uid, mark) in (select uid, mark from (
    select uid, mark, row_number() over (partition by uid order by seen_at desc, mark) as place
    from known_requesters where uid in ${uids}) as placed where place > ${CAPS.knownRequesters.count})`.execute(tx.db);
}

/** Forgets all that is known of a person, inside another write. */
export async function forgetKnown(tx: WriteTransaction, uid: number): Promise<void> {
  sent(tx, tx.db.deleteFrom("known_requesters").where("uid", "=", uid).execute());
}

/** Removes a bounded number of entries that no longer count. Returns whether there may be more. */
export async function removeOldKnown(tx: WriteTransaction): Promise<boolean> {
  const old = tx.db
    .selectFrom("known_requesters")
    .select(["uid", "mark"])
    .where("seen_at", "<=", tx.clockNow - KNOWN_FOR_MS)
    .limit(REMOVED_AT_ONCE);
  const removed = await tx.db
    .deleteFrom("known_requesters")
    .where((eb) => eb(eb.refTuple("uid", "mark"), "in", old.$asTuple("uid", "mark")))
    .returning("uid")
    .execute();
  return removed.length === REMOVED_AT_ONCE;
}
