import type { ReadDatabase } from "../db/open.ts";

/** When a login ends, in epoch milliseconds, including refreshes; 0 if there is no such login. */
export async function loginEndOf(db: ReadDatabase, loginId: number): Promise<number> {
  const row = await db.selectFrom("logins").select("expires_at").where("id", "=", loginId).executeTakeFirst();
  return row?.expires_at ?? 0;
}
