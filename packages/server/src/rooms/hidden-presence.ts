import type { Kysely } from "kysely";
import { sql } from "kysely";
import { prepared, preparedBy } from "../db/prepared.ts";
import { boundRows, numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { batched } from "../lib/batched.ts";
import { nextTurn } from "../lib/interval.ts";

/** The rooms in which somebody is offline to the members, and the people who cause it. */
export interface HiddenPresence {
  /** People whom they have blocked. */
  readonly blocked: readonly number[];
  /** Rooms that they share with one of those. */
  readonly rooms: ReadonlySet<number>;
}

const NOWHERE: HiddenPresence = { blocked: [], rooms: new Set() };

/** People whose blocks are read by one statement. */
const READ_TOGETHER = 64;
/** Blocked people whose rooms are read at once: each may be in thousands. */
const CHUNK = 8;

/**
 * Reads it for people who come online. Most people have blocked nobody, so they cost one index step; people who have blocked very many, who
 * are in very many rooms, delay only themselves.
 */
export function hiddenPresenceOf(db: Kysely<Schema>): (uid: number) => Promise<HiddenPresence> {
  const blockedBy = batched<number, number[]>(async (uids) => {
    const rows = await blockedRows(
      db,
      [...new Set(uids)].map((uid) => [uid]),
    );
    const byUid = Map.groupBy(rows, ({ uid }) => uid);
    return uids.map((uid) => (byUid.get(uid) ?? []).map(({ blocked }) => blocked));
  }, READ_TOGETHER);
  return async (uid) => {
    const blocked = await blockedBy(uid);
    if (blocked.length === 0) return NOWHERE;
    const rooms = new Set<number>();
    for (let at = 0; at < blocked.length; at += CHUNK) {
      if (at > 0) await nextTurn();
      for (const { roomId } of await sharedRows(db, { uid, others: blocked.slice(at, at + CHUNK) })) rooms.add(roomId);
    }
    return { blocked, rooms };
  };
}

const blockedRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number" }, asked).as("asked"))
    .innerJoin("blocks", "blocks.uid", "asked.uid")
    .select(["blocks.uid", "blocks.blocked_uid as blocked"]),
);

const sharedRows = preparedBy(["uid", "others"], (db, { uid, others }) =>
  db
    .selectFrom("members as theirs")
    .innerJoin("members as own", "own.room_id", "theirs.room_id")
    .select("own.room_id as roomId")
    .where("theirs.uid", "in", numberList(others))
    .where("theirs.left_seq", "is", null)
    .where("own.uid", "=", sql<number>`${uid}`)
    .where("own.left_seq", "is", null),
);
