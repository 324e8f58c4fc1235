import { type Act, noteAct } from "../audit/audit-writes.ts";
import type { WriteTransaction } from "../db/transaction.ts";
import type { Administrator } from "../identity/administrator.ts";

/** Records an act that changes nothing in the database, such as the end of a connection. */
export async function noteAdminAct(
  tx: WriteTransaction,
  { actor, ...act }: Act & { readonly actor: Administrator },
): Promise<void> {
  await noteAct(tx, actor, act);
}
