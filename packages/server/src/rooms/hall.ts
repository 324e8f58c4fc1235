import { HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { CountRows } from "../db/count-row.ts";
import type { Schema } from "../db/schema.ts";

/** How much was said in the hall, and how much of it somebody has read: counts of messages that make a red dot. */
export interface HallPlace {
  readonly no: number;
  readonly readNo: number;
}

/** For these people: the number of the hall's messages, and up to which of them each has read. @param asked has their `uid` */
export function hallPlaces(asked: RawBuilder<{ uid: number }>): CountRows {
  return sql`
    select asked.uid, 'hall' as what, rooms.no as first, coalesce(room_reads.read_no, 0) as second
    from ${asked} as asked
    join rooms on rooms.id = ${sql.lit(HALL_ROOM_ID)}
    left join room_reads on room_reads.uid = asked.uid and room_reads.room_id = rooms.id`;
}

/** Deleted accounts leave the number this late. */
const RECOUNT_MS = 60_000;

/**
 * The number of people, which is the hall's number of members. Counting all of them each time would cost more and more, so only new ones
 * are counted; uids rise.
 */
export class HallCount {
  #count = 0;
  #upTo = SYSTEM_UID;
  #countedAt = 0;

  /** @param now epoch milliseconds */
  async read(db: Kysely<Schema>, now: number): Promise<number> {
    const fresh = now - this.#countedAt >= RECOUNT_MS || now < this.#countedAt;
    const after = fresh ? SYSTEM_UID : this.#upTo;
    const row = await db
      .selectFrom("users")
      .select((eb) => [eb.fn.countAll<number>().as("count"), eb.fn.max("uid").as("upTo")])
      .where("uid", ">", after)
      .where("deleted_at", "is", null)
      .executeTakeFirstOrThrow();
    if (fresh) {
      this.#count = row.count;
      this.#upTo = row.upTo ?? SYSTEM_UID;
      this.#countedAt = now;
    } else if (row.upTo !== null && after === this.#upTo) {
      // If two questions overlap, the second finds the first one's result and adds nothing.
      this.#count += row.count;
      this.#upTo = row.upTo;
    }
    return this.#count;
  }
}
