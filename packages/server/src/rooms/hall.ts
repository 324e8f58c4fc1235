import { HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { inList } from "../db/dialect.ts";
import { prepared } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";

/** How far someone has read the hall. */
export interface HallRead {
  readonly readSeq: number;
  readonly readNo: number;
  /** False: worked out from when the account was made; store it, since working it out costs more as messages come in. */
  readonly stored: boolean;
}

/**
 * How far people have read the hall. A new account has read what was said before it was made. Nothing is written at that moment, so until
 * there is a row the place is looked up by time: a message of the same millisecond counts as unread rather than being missed.
 */
export async function hallReadsOf(db: Kysely<Schema>, uids: readonly number[]): Promise<Map<number, HallRead>> {
  const reads = new Map<number, HallRead>();
  if (uids.length === 0) return reads;
  for (const { uid, ...place } of await storedReads(db, uids)) reads.set(uid, { ...place, stored: true });
  const others = uids.filter((uid) => !reads.has(uid));
  for (const uid of others) reads.set(uid, { readSeq: 0, readNo: 0, stored: false });
  if (others.length === 0) return reads;
  for (const { uid, ...place } of await lastBefore(db, others)) reads.set(uid, { ...place, stored: false });
  return reads;
}

/** The same for one. */
export async function hallReadOf(db: Kysely<Schema>, uid: number): Promise<HallRead> {
  return (await hallReadsOf(db, [uid])).get(uid) as HallRead;
}

const storedReads = prepared((db, uids) =>
  db
    .selectFrom("room_reads")
    .select(["uid", "read_seq as readSeq", "read_no as readNo"])
    .where("room_id", "=", HALL_ROOM_ID)
    .where("uid", "in", inList<number>(uids)),
);

/** The last message that makes a dot and was sent before each account was made. */
const lastBefore = prepared((db, uids) =>
  db
    .selectFrom("users")
    .innerJoin("messages", (join) =>
      join
        .on("messages.room_id", "=", HALL_ROOM_ID)
        // A message that only its sender may see stands at the seq of another one, and makes no dot.
        .on("messages.no", "is not", null)
        .on("messages.seq", "=", (eb) =>
          eb
            .selectFrom("messages as before")
            .select("before.seq")
            .where("before.room_id", "=", HALL_ROOM_ID)
            .where("before.no", "is not", null)
            .whereRef("before.sent_at", "<", "users.created_at")
            .orderBy("before.seq", "desc")
            .limit(1),
        ),
    )
    .select(["users.uid", "messages.seq as readSeq", sql<number>`messages.no`.as("readNo")])
    .where("users.uid", "in", inList<number>(uids)),
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
