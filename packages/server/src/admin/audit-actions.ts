import type { ActName } from "../audit/audit-writes.ts";
import type { AdminContext } from "./admin-context.ts";

/** A line of the audit log. */
export interface ListedAct {
  readonly id: number;
  readonly at: number;
  /** Null: an operator, on the command line. */
  readonly uid: number | null;
  /** Theirs, as it is now. */
  readonly name: string | null;
  /** Empty for an operator. */
  readonly ip: string;
  readonly act: ActName;
  readonly target: string;
  readonly before: Record<string, unknown> | null;
  readonly after: Record<string, unknown> | null;
}

/** What administrators and operators did, newest first. `before`: the last id of the previous page. */
export async function listActs(
  { db }: Pick<AdminContext, "db">,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<{ items: ListedAct[]; nextCursor: string | null }> {
  const rows = await db
    .selectFrom("audit")
    .leftJoin("users", "users.uid", "audit.uid")
    .select(["audit.id", "at", "audit.uid", "ip", "act", "target", "before", "after"])
    .select("users.name")
    .where("id", "<", before ?? Number.MAX_SAFE_INTEGER)
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  const items = rows.slice(0, limit).map((row): ListedAct => {
    return { ...row, act: row.act as ActName, before: parsed(row.before), after: parsed(row.after) };
  });
  return { items, nextCursor: rows.length > limit ? String(items.at(-1)?.id) : null };
}

function parsed(text: string | null): Record<string, unknown> | null {
  return text === null ? null : JSON.parse(text);
}
