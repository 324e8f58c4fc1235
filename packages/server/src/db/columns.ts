import { type Kysely, sql } from "kysely";
import { Wording } from "./bound.ts";
import { adapterOf } from "./own-adapter.ts";

/** Column type of a key that the database numbers itself, never using one again. */
export const NUMBERED_KEY = sql`${new Wording("numbered key")}`;

/** Column type of a key that we number. */
export const NUMBER_KEY = sql`${new Wording("number key")}`;

/** Ends the making of a table whose rows lie in the order of their primary key, with no second tree for the key, where the database can do that. */
export const CLUSTERED = sql`${new Wording("clustered")}`;

/** Makes a table with a numbered key continue at `next`. */
export async function startNumbering(
  db: Kysely<unknown>,
  of: { table: string; column: string; next: number },
): Promise<void> {
  await adapterOf(db).startNumbering(db, of);
}

/** Whether rows from before migration 0026 may be there. Until then there was SQLite only, so what converts older rows need not run elsewhere. */
export function mayHoldOlderRows(db: Kysely<unknown>): boolean {
  return adapterOf(db).kind === "sqlite";
}

/**
 * Leaves a part of each page of a table free, so that a new version of a row finds room beside the old one, where the database keeps versions.
 * @param percent how much
 */
export async function keepRoomForUpdates(db: Kysely<unknown>, table: string, percent: number): Promise<void> {
  if (adapterOf(db).kind !== "postgres") return;
  await sql`alter table ${sql.table(table)} set (fillfactor = ${sql.lit(100 - percent)})`.execute(db);
}
