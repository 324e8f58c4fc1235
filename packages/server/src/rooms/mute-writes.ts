import { Push, type PushData, roomStream } from "@parley/protocol";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import { findMemberships, memberKey } from "./member-lookups.ts";
import { checkGroup, checkIsMember, checkMayMute, checkUnmanaged } from "./rights.ts";
import { type Actor, findRoom } from "./rooms.ts";

/** Sets until when a member may not write; null: they may. If nothing changes, nothing is logged. */
export async function setMute(
  tx: WriteTransaction,
  { actor, roomId, uid, mutedUntil }: { actor: Actor; roomId: number; uid: number; mutedUntil: number | null },
) {
  const found = await findRoom(tx.db, roomId, actor);
  checkIsMember(found);
  checkGroup(found.room);
  checkUnmanaged(found.room);
  const target = (await findMemberships(tx.db, [{ roomId, uid }])).get(memberKey(roomId, uid));
  if (!target || target.leftSeq !== null) throw new ProblemError("not_found", "This user is not in the room");
  checkMayMute({ uid: actor.uid, role: found.membership.role }, { uid, role: target.role });
  if (mutedUntil !== null && mutedUntil <= tx.clockNow) throw inThePast();
  if (mutedUntil === target.mutedUntil) return;
  sent(
    tx,
    tx.db
      .updateTable("members")
      .set({ muted_until: mutedUntil })
      .where("room_id", "=", roomId)
      .where("uid", "=", uid)
      .execute(),
  );
  await logMutes(tx, roomId, [{ uid, mutedUntil }]);
}

/** Tells the room until when some of its members may not write. */
export async function logMutes(
  tx: WriteTransaction,
  roomId: number,
  mutes: readonly { uid: number; mutedUntil: number | null }[],
): Promise<void> {
  await append(
    tx,
    mutes.map(({ uid, mutedUntil }) => {
      const data: PushData[112] = { roomId, uid, mutedUntil };
      return { stream: roomStream(roomId), type: Push.MEMBER_UPDATE, data: () => JSON.stringify(data) };
    }),
  );
}

function inThePast(): ProblemError {
  const message = "must be a time in the future, or null";
  return new ProblemError("invalid", `until: ${message}`, { extra: { errors: [{ path: "until", message }] } });
}
