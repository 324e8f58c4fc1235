import { sent, type WriteTransaction } from "../db/transaction.ts";

/** Where a follower continues. A new follower begins at the end of the log. */
export async function openFollower(tx: WriteTransaction, { name }: { name: string }): Promise<{ pos: number }> {
  const known = await tx.db.selectFrom("followers").select("pos").where("name", "=", name).executeTakeFirst();
  if (known) return known;
  const { pos } = tx.end;
  sent(tx, tx.db.insertInto("followers").values({ name, pos }).execute());
  return { pos };
}

/** Does nothing for a follower that no longer exists. */
export async function saveFollower(tx: WriteTransaction, { name, pos }: { name: string; pos: number }): Promise<void> {
  sent(tx, tx.db.updateTable("followers").set({ pos }).where("name", "=", name).execute());
}
