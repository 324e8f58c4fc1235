/**
 * What administrators and operators did: who, what, when, from which address, and the values before and after. An act is recorded inside
 * the transaction that does it, so there is none without its line. The lines are read by `admin/audit-actions.ts`; it never holds a token,
 * a password or a key. Must not import any feature.
 */
import { numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { CAPS } from "../limits/caps.ts";

/** The one who acts. */
export interface Acting {
  /** Null: an operator, on the command line. */
  readonly uid: number | null;
  /** The client's address; empty for an operator. */
  readonly ip: string;
}

/** On the command line: whoever may use it owns the database anyway. */
export const OPERATOR: Acting = { uid: null, ip: "" };

/** Acts, by area and verb. */
export const ACTS = [
  "user.add",
  "user.set",
  "user.disable",
  "user.enable",
  "user.delete",
  "user.ban",
  "user.unban",
  "user.look",
  "addresses.ban",
  "addresses.unban",
  "connection.close",
  "key.add",
  "key.revoke",
  "webhook.add",
  "webhook.change",
  "webhook.remove",
] as const;

export type ActName = (typeof ACTS)[number];

export interface Act {
  readonly act: ActName;
  /** What it was done to: a uid, a range of addresses, the id of a connection or of a webhook, the name of a key. */
  readonly target: string;
  /** The values before, as far as they say something; null: there were none. */
  readonly before?: object | null;
  readonly after?: object | null;
}

const KEPT_MS = CAPS.auditDays.count * 24 * 3_600_000;
/** Lines that have become too old and are removed with one new line: together more than can be added. */
const REMOVED_AT_ONCE = 10;

/** Records an act, and removes lines beyond the bounds. */
export async function noteAct(tx: WriteTransaction, by: Acting, { act, target, before, after }: Act): Promise<void> {
  const { id } = await tx.db
    .insertInto("audit")
    .values({
      at: tx.now,
      uid: by.uid,
      ip: by.ip,
      act,
      target,
      before: before ? JSON.stringify(before) : null,
      after: after ? JSON.stringify(after) : null,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  // Ids and times rise together, so the lines to remove are among the first.
  const first = await tx.db.selectFrom("audit").select(["id", "at"]).orderBy("id").limit(REMOVED_AT_ONCE).execute();
  const old = first.filter((line) => line.id <= id - CAPS.auditLines.count || line.at < tx.now - KEPT_MS);
  if (old.length === 0) return;
  const ids = old.map((line) => line.id);
  sent(tx, tx.db.deleteFrom("audit").where("id", "in", numberList(ids)).execute());
}
