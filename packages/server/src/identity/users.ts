import { z } from "@hono/zod-openapi";
import { FIRST_UID, SYSTEM_UID, type User, userSchema } from "@parley/protocol";
import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { textCursor } from "../http/page.ts";
import { nameKey } from "./names.ts";

/** The user object in the API's document. */
export const UserReply = z.object(userSchema.shape).openapi("User");

/** Select these and pass the row to `userOf`. */
export const USER_COLUMNS = ["uid", "name", "avatar", "power", "created_at"] as const;

export function userOf(row: { uid: number; name: string; avatar: string; power: 0 | 1; created_at: number }): User {
  return { uid: row.uid, name: row.name, avatar: row.avatar, power: row.power, createdAt: row.created_at };
}

/** Deleted accounts are found too, as "Deleted user": their messages still name them. */
export async function findUser(db: Kysely<Schema>, uid: number): Promise<User | undefined> {
  const row = await db.selectFrom("users").select(USER_COLUMNS).where("uid", "=", uid).executeTakeFirst();
  return row && userOf(row);
}

/** Those that exist, by uid; deleted accounts as above. One query, whatever their number. */
export async function findUsers(db: Kysely<Schema>, uids: readonly number[]): Promise<Map<number, User>> {
  const rows = await db.selectFrom("users").select(USER_COLUMNS).where("uid", "in", numberList(uids)).execute();
  return new Map(rows.map((row) => [row.uid, userOf(row)]));
}

/** Whether anybody has, or had, an account. */
export async function hasAccounts(db: Kysely<Schema>): Promise<boolean> {
  const first = await db.selectFrom("users").select("uid").where("uid", ">=", FIRST_UID).limit(1).executeTakeFirst();
  return first !== undefined;
}

export interface UserPage {
  readonly items: User[];
  readonly nextCursor: string | null;
}

/** Above every code point of a name, so that a prefix is a range of the index. */
const LAST_CODE_POINT = "\u{10ffff}";

/**
 * People whose name begins like `prefix`, compared as names are unique; without the system and deleted accounts. In
 * the order of their folded names. `after` is the text of a `nextCursor`; undefined for the first page.
 */
export async function searchUsers(
  db: Kysely<Schema>,
  search: { prefix: string; after: string | undefined; limit: number },
): Promise<UserPage> {
  const key = nameKey(search.prefix);
  const rows = await db
    .selectFrom("users")
    .select([...USER_COLUMNS, "name_key"])
    .where("name_key", ">=", key)
    .where("name_key", "<", key + LAST_CODE_POINT)
    .where("name_key", ">", search.after ?? "")
    .where("uid", "!=", SYSTEM_UID)
    .where("deleted_at", "is", null)
    .orderBy("name_key")
    .limit(search.limit + 1)
    .execute();
  const page = rows.slice(0, search.limit);
  const last = rows.length > page.length ? page.at(-1) : undefined;
  return { items: page.map(userOf), nextCursor: last ? textCursor(last.name_key) : null };
}
