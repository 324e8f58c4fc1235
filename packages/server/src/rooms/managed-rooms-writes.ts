import { LIMITS, nameTextSchema, type Ref } from "@parley/protocol";
import type { WriteTransaction } from "../db/transaction.ts";
import { noSuch } from "../identity/no-such.ts";
import { ProblemError } from "../lib/problem.ts";
import { roomsByRef } from "./external-rooms.ts";
import { checkGroup } from "./rights.ts";
import { applyChanges, endRoom, type RoomChanges } from "./room-writes.ts";
import type { RoomRow } from "./rooms.ts";

/** Whose turn at the writer it takes, and which room it is about. */
export interface OfProduct {
  readonly by: string;
  readonly ref: Ref;
}

/**
 * Makes the managed room with this external id, or changes what is given of it; by an id of ours no room is made.
 * @throws ProblemError `not_found`, `room_dissolved`, `direct_fixed`
 */
export async function putRoom(
  tx: WriteTransaction,
  { ref, changes }: OfProduct & { changes: RoomChanges },
): Promise<{ roomId: number; created: boolean }> {
  const room = (await roomsByRef(tx.db, [ref])).get(ref);
  if (room) {
    checkMayManage(room);
    await applyChanges(tx, room, changes);
    return { roomId: room.id, created: false };
  }
  if (typeof ref === "number") throw noSuch("room", ref);
  const { name = nameAfter(ref), avatar = "", notice = "", history = "all" } = changes;
  const { id } = await tx.db
    .insertInto("rooms")
    .values({
      ...{ type: 1, name, avatar, notice, history, external_id: ref },
      ...{ owner_uid: null, mute_all: 0, no: 0, member_count: 0, created_at: tx.now },
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  return { roomId: id, created: true };
}

/** As much of the external id as fits. */
function nameAfter(externalId: string): string {
  const cut = [...externalId].slice(0, LIMITS.roomNameCodePoints).join("");
  return nameTextSchema(LIMITS.roomNameCodePoints).safeParse(cut).data ?? "Room";
}

/** A direct room belongs to its two people, and nothing can be said of what has ended. */
function checkMayManage(room: RoomRow): void {
  if (room.type === 2) throw new ProblemError("direct_fixed", "A direct room has no settings that can be changed");
  if (room.dissolved_at !== null) throw new ProblemError("room_dissolved");
}

/** Dissolves a room, whoever owns it. One that is not there, or has ended, stays so. @throws ProblemError `hall_fixed`, `direct_fixed` */
export async function endRoomOfProduct(tx: WriteTransaction, { ref }: OfProduct): Promise<void> {
  const room = (await roomsByRef(tx.db, [ref])).get(ref);
  if (!room || room.dissolved_at !== null) return;
  checkGroup(room);
  await endRoom(tx, room.id);
}
