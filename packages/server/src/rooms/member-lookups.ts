import { HALL_ROOM_ID } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { Membership } from "./rooms.ts";

/** Somebody's membership in a room; a batch of requests looks up many. */
export interface MembershipAsked {
  readonly roomId: number;
  readonly uid: number;
}

export function memberKey(roomId: number, uid: number): string {
  return `${roomId} ${uid}`;
}

/** Memberships by `memberKey`, in one query; none for the hall, which has no rows, and for people who were never in the room. */
export async function findMemberships(
  db: Kysely<Schema>,
  asked: Iterable<MembershipAsked>,
): Promise<ReadonlyMap<string, Membership>> {
  const pairs = new Map<string, [number, number]>();
  for (const { roomId, uid } of asked) {
    if (roomId !== HALL_ROOM_ID) pairs.set(memberKey(roomId, uid), [roomId, uid]);
  }
  if (pairs.size === 0) return new Map();
  const rows = await membershipRows(db, [...pairs.values()]);
  return new Map(rows.map(({ roomId, uid, ...membership }) => [memberKey(roomId, uid), membership]));
}

const membershipRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ room_id: "number", uid: "number" }, asked).as("asked"))
    .innerJoin("members", (join) =>
      join.onRef("members.room_id", "=", "asked.room_id").onRef("members.uid", "=", "asked.uid"),
    )
    .select([
      "members.room_id as roomId",
      "members.uid",
      "members.role",
      "members.from_seq as fromSeq",
      "members.left_seq as leftSeq",
      "members.left_view as leftView",
      "members.muted_until as mutedUntil",
      "members.untold",
    ]),
);
