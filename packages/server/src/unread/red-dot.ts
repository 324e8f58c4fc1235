import { type Counters, floorCursor, HALL_ROOM_ID, type RedDot } from "@parley/protocol";
import type { HallPlace } from "../rooms/hall.ts";
import type { MembershipRow } from "../rooms/memberships.ts";

/**
 * Everything unread of one user, from their memberships and counters: the rooms that they are in now, without those that have nothing
 * unread, the hall first. Pure.
 */
export function redDot(
  memberships: readonly MembershipRow[],
  at: { hall: HallPlace | undefined; counters: Counters; epoch: string; pos: number },
): RedDot & { asOf: string } {
  const rooms: { roomId: number; unread: number }[] = [];
  for (const { roomId, no, readNo, leftSeq, dissolvedSeq } of memberships) {
    const isMember = leftSeq === null && dissolvedSeq === null;
    if (isMember && readNo !== null && no > readNo) rooms.push({ roomId, unread: no - readNo });
  }
  rooms.sort((a, b) => a.roomId - b.roomId);
  const { hall } = at;
  if (hall && hall.no > hall.readNo) rooms.unshift({ roomId: HALL_ROOM_ID, unread: hall.no - hall.readNo });
  const total = rooms.reduce((sum, { unread }) => sum + unread, 0);
  const { unseen: notifications, friendRequests } = at.counters;
  return { total, rooms, friendRequests, notifications, asOf: floorCursor(at.epoch, at.pos) };
}
