import { LIMITS } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { preparedBy } from "../db/prepared.ts";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { nextTurn } from "../lib/interval.ts";

/** People who are looked up at once, so that even those in thousands of rooms delay nobody. */
const CHUNK = 8;

/**
 * Those of these people with whom somebody shares a room with presence. @param untold among people who do not know that they are in the
 * room, instead of those who do
 */
export async function sharesPresence(
  db: Kysely<Schema>,
  uid: number,
  { others, untold = false }: { others: readonly number[]; untold?: boolean },
): Promise<Set<number>> {
  const found = new Set<number>();
  for (let at = 0; at < others.length; at += CHUNK) {
    if (at > 0) await nextTurn();
    for (const row of await sharing(db, { uid, untold: untold ? 1 : 0, others: others.slice(at, at + CHUNK) }))
      found.add(row.uid);
  }
  return found;
}

const sharing = preparedBy(["uid", "others", "untold"], (db, { uid, others, untold }) =>
  db
    .selectFrom("users")
    .select("users.uid")
    .where("users.uid", "in", numberList(others))
    .where((eb) =>
      eb.exists(
        eb
          .selectFrom("members as theirs")
          .innerJoin("members as own", "own.room_id", "theirs.room_id")
          .innerJoin("rooms", "rooms.id", "theirs.room_id")
          .select("theirs.uid")
          .whereRef("theirs.uid", "=", "users.uid")
          .where("own.uid", "=", sql<number>`${uid}`)
          .where("theirs.untold", "=", sql<0 | 1>`${untold}`)
          .where("own.untold", "=", 0)
          .where("theirs.left_seq", "is", null)
          .where("own.left_seq", "is", null)
          .where("rooms.dissolved_seq", "is", null)
          .where("rooms.member_count", "<=", LIMITS.presenceRoomMembers),
      ),
    ),
);
