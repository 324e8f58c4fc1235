import { HALL_ROOM_ID, SYSTEM_UID } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
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
 * A new account has read what was said before it was made. Nothing is written at that moment, so until there is a row the
 * place is looked up by time: a message of the same millisecond counts as unread rather than being missed.
 */
export async function hallReadOf(db: Kysely<Schema>, uid: number): Promise<HallRead> {
  const [stored] = await storedRead(db, uid);
  if (stored) return { ...stored, stored: true };
  const [before] = await lastBefore(db, uid);
  return { readSeq: before?.readSeq ?? 0, readNo: before?.readNo ?? 0, stored: false };
}

const storedRead = prepared((db, uid) =>
  db
    .selectFrom("room_reads")
    .select(["read_seq as readSeq", "read_no as readNo"])
    .where("uid", "=", sql<number>`${uid}`)
    .where("room_id", "=", HALL_ROOM_ID),
);

const lastBefore = prepared((db, uid) =>
  db
    .selectFrom("messages")
    .select(["seq as readSeq", "no as readNo"])
    .where("room_id", "=", HALL_ROOM_ID)
    .where("no", "is not", null)
    .where("sent_at", "<", (eb) => eb.selectFrom("users").select("created_at").where("uid", "=", sql<number>`${uid}`))
    .orderBy("seq", "desc")
    .limit(1),
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
