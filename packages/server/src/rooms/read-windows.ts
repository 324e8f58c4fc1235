import { ALL_STREAM, HALL_ROOM_ID, roomStream, userStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";
import type { ReadWindow } from "../event-log/subscriptions.ts";
import { parseGaps } from "./coming-back.ts";
import type { HallRules } from "./rooms.ts";

/**
 * Everything a user may read, past memberships included: asked once by each reader that connects or polls. One query,
 * also for someone in thousands of rooms.
 */
export async function windowsOf(db: Kysely<Schema>, uid: number, hall: HallRules): Promise<ReadWindow[]> {
  const rows = await membershipsOf(db, uid);
  const rooms = rows.map(
    ({ roomId, leftSeq, leftPos, dissolvedSeq, lastJoinedSeq, lastJoinedPos, gaps, ...window }) => ({
      ...window,
      stream: roomStream(roomId),
      leftSeq: leftSeq ?? dissolvedSeq,
      leftPos: leftSeq === null ? null : leftPos,
      lastJoined: { seq: lastJoinedSeq, pos: lastJoinedPos },
      gaps: parseGaps(gaps),
    }),
  );
  return [inborn(userStream(uid)), inborn(ALL_STREAM), ...hallWindows(hall), ...rooms];
}

const membershipsOf = prepared((db, uid) =>
  db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .select([
      "members.room_id as roomId",
      "members.from_seq as fromSeq",
      "members.left_seq as leftSeq",
      "members.left_pos as leftPos",
      "members.joined_seq as joinedSeq",
      "members.joined_pos as joinedPos",
      "members.last_joined_seq as lastJoinedSeq",
      "members.last_joined_pos as lastJoinedPos",
      "members.gaps",
      "rooms.dissolved_seq as dissolvedSeq",
    ])
    .where("members.uid", "=", sql<number>`${uid}`),
);

/** What an anonymous reader may read: a public hall. */
export function anonymousWindows(hall: HallRules): ReadWindow[] {
  return hall.access === "public" ? [inborn(roomStream(HALL_ROOM_ID))] : [];
}

function hallWindows(hall: HallRules): ReadWindow[] {
  return hall.access === "off" ? [] : [inborn(roomStream(HALL_ROOM_ID))];
}

function inborn(stream: string): ReadWindow {
  return { stream, fromSeq: 1, leftSeq: null, joinedSeq: 0, joinedPos: 0 };
}
