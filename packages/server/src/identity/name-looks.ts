import { insertRows, numberList, textList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { nameLooks } from "./names.ts";

/**
 * The people who have the looks of some names, after the writes so far. Two people have the same look if both had their names before names
 * were compared by their looks.
 */
export class HeldLooks {
  readonly #holders = new Map<string, Set<number>>();
  readonly #ofPerson = new Map<number, readonly string[]>();

  constructor(rows: readonly { readonly look: string; readonly uid: number }[]) {
    const looks = new Map<number, string[]>();
    for (const { look, uid } of rows) looks.set(uid, [...(looks.get(uid) ?? []), look]);
    for (const [uid, own] of looks) this.give(uid, own);
  }

  /** Whether a name looks like somebody else's. A person keeps a look that they already have, whoever else has it. */
  isTaken(looks: readonly string[], uid?: number): boolean {
    return looks.some((look) => {
      const holders = this.#holders.get(look);
      return holders !== undefined && !(uid !== undefined && holders.has(uid));
    });
  }

  /** From here on these are the person's looks, instead of the previous ones. */
  give(uid: number, looks: readonly string[]): void {
    for (const look of this.#ofPerson.get(uid) ?? []) {
      const holders = this.#holders.get(look);
      holders?.delete(uid);
      if (holders?.size === 0) this.#holders.delete(look);
    }
    this.#ofPerson.set(uid, looks);
    for (const look of looks) this.#holders.set(look, (this.#holders.get(look) ?? new Set()).add(uid));
  }
}

/** Everybody's whose name looks like one of `names`, and all of those of `uids`. */
export async function heldLooks(
  tx: WriteTransaction,
  { names, uids }: { names: readonly string[]; uids: readonly number[] },
): Promise<HeldLooks> {
  if (names.length === 0) return new HeldLooks([]);
  const rows = await tx.db
    .selectFrom("name_looks")
    .select(["look", "uid"])
    .where((eb) => eb.or([eb("look", "in", textList(names.flatMap(nameLooks))), eb("uid", "in", numberList(uids))]))
    .execute();
  return new HeldLooks(rows);
}

/** Stores the looks of people who have none yet. */
export function storeLooks(
  tx: WriteTransaction,
  people: readonly { readonly uid: number; readonly name: string }[],
): Promise<void> {
  return insertRows(tx.db, "name_looks", {
    columns: ["look", "uid"],
    values: people.flatMap(({ uid, name }) => nameLooks(name).map((look) => [look, uid])),
  });
}

/** Frees the looks of people who have another name now, or are gone. */
export async function forgetLooks(tx: WriteTransaction, uids: readonly number[]): Promise<void> {
  if (uids.length > 0) sent(tx, tx.db.deleteFrom("name_looks").where("uid", "in", numberList(uids)).execute());
}
