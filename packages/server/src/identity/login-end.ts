import type { ReadDatabase } from "../db/open.ts";

/** When a login ends, in epoch milliseconds, refreshes counted; 0 for one that is not there. */
export async function loginEndOf(db: ReadDatabase, loginId: number): Promise<number> {
  const row = await db.selectFrom("logins").select("expires_at").where("id", "=", loginId).executeTakeFirst();
  return row?.expires_at ?? 0;
}
