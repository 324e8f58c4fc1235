import { type Kysely, sql } from "kysely";
import { keepRoomForUpdates } from "../columns.ts";

/**
 * The lease of each node that is alive. `number` tells in which order they began: the oldest one does what only one may do. Each node renews its row every
 * few seconds, so the rows have room for their next versions.
 */
export async function nodes(db: Kysely<unknown>): Promise<void> {
  await sql`create table nodes (node text primary key, number bigint not null, renewed_at bigint not null,
    announced bigint not null, people_version bigint not null, hears_bus bigint not null)`.execute(db);
  await keepRoomForUpdates(db, "nodes", 90);
}
