import { type Kysely, sql } from "kysely";
import { keepRoomForUpdates } from "../columns.ts";

/**
 * The newest batch of each writer and its time, for one whose commit was not answered. Where several nodes write, rows that every batch changes have room beside them
 * for their next versions.
 */
export async function writers(db: Kysely<unknown>): Promise<void> {
  await sql`create table writers (node text primary key, batch bigint not null, at bigint not null)`.execute(db);
  for (const table of ["log", "streams", "rooms", "writers"]) await keepRoomForUpdates(db, table, 50);
  await keepRoomForUpdates(db, "room_reads", 10);
}
