import { HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import type { Kysely } from "kysely";
import { boundRows } from "../db/dialect.ts";
import { prepared } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";

/** How much was said in the hall, and how much of it somebody has read: counts of messages that make a red dot. */
export interface HallPlace {
  readonly no: number;
  readonly readNo: number;
}

/** Of many people by one statement. */
export async function hallPlacesOf(db: Kysely<Schema>, uids: readonly number[]): Promise<Map<number, HallPlace>> {
  if (uids.length === 0) return new Map();
  const rows = await hallPlaces(
    db,
    uids.map((uid) => [uid]),
  );
  return new Map(rows.map(({ uid, no, readNo }) => [uid, { no, readNo: readNo ?? 0 }]));
}

const hallPlaces = prepared((db, uids) =>
  db
    .selectFrom(boundRows<{ uid: number }>(["uid"], uids).as("asked"))
    .innerJoin("rooms", (join) => join.on("rooms.id", "=", HALL_ROOM_ID))
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "asked.uid").on("room_reads.room_id", "=", HALL_ROOM_ID),
    )
    .select(["asked.uid", "rooms.no", "room_reads.read_no as readNo"]),
);

/** Deleted accounts leave the number this late. */
const RECOUNT_MS = 60_000;

/**
 * The number of people, which is the hall's number of members. Counting all of them at each question would cost more the
 * more there are, so only new ones are counted; uids rise.
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
      // Where two questions cross, the second finds the first one's result and adds nothing.
      this.#count += row.count;
      this.#upTo = row.upTo;
    }
    return this.#count;
  }
}
