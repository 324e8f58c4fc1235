import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { blocksAmong, bothWays, type Pair } from "../ties/ties.ts";
import { peopleOfKey } from "./rooms.ts";

/**
 * Of these rooms, the direct ones in which one of the two people has blocked the other: neither is told that the other types or reads. At
 * most two queries.
 */
export async function silentRooms(db: Kysely<Schema>, roomIds: readonly number[]): Promise<ReadonlySet<number>> {
  if (roomIds.length === 0) return new Set();
  const rows = await db
    .selectFrom("rooms")
    .select(["id", "direct_key"])
    .where("id", "in", numberList(roomIds))
    .where("direct_key", "is not", null)
    .execute();
  const directs = rows.map(({ id, direct_key }) => ({ id, pair: peopleOfKey(direct_key as string) }));
  const blocks = await blocksAmong(db, bothWays(directs.map(({ pair }): Pair => pair)));
  const silent = directs.filter(({ pair: [a, b] }) => blocks.has(a, b) || blocks.has(b, a));
  return new Set(silent.map(({ id }) => id));
}
