import { ChangeType, Push, type PushData } from "@parley/protocol/events";
import { roomOfStream } from "@parley/protocol/streams";
import type { PushFrame } from "../reading/push-frame.ts";

/** The room that an event is about; undefined: no room, or a mark on a message that only its sender may see. */
export function roomOf({ stream, data }: PushFrame): number | undefined {
  if (stream === undefined) return undefined;
  return roomOfStream(stream) ?? (data as { roomId?: number } | undefined)?.roomId ?? roomOfMessage(data);
}

/** A message contains the id of its room. */
function roomOfMessage(data: unknown): number | undefined {
  return (data as { message?: { roomId?: number } } | undefined)?.message?.roomId;
}

/** Whether the event is in a room's stream. */
export function isOfRoom({ stream }: PushFrame): boolean {
  return stream !== undefined && roomOfStream(stream) !== undefined;
}

/** The event's number in the room's stream: of an event of that stream, or of its copy in the user's own. */
export function seqInRoom(push: PushFrame): number {
  const seq = isOfRoom(push) ? push.seq : (push.data as { seq?: number } | undefined)?.seq;
  return seq ?? 0;
}

/** Everybody who joins or leaves by one MEMBER_CHANGE. */
export function uidsOf({ uid, uids }: PushData[typeof Push.MEMBER_CHANGE]): readonly number[] {
  return uids ?? [uid];
}

/** The user joins a room. */
export function isJoinOf(push: PushFrame, me: number): boolean {
  return (
    push.type === Push.MEMBER_CHANGE && push.data.changeType === ChangeType.joined && uidsOf(push.data).includes(me)
  );
}

/** The user leaves a room, or is removed. */
export function isLeavingOf(push: PushFrame, me: number): boolean {
  return push.type === Push.MEMBER_CHANGE && push.data.changeType === ChangeType.left && uidsOf(push.data).includes(me);
}

/** Somebody was banned, or is no longer banned: what they wrote shows a different text everywhere. */
export type BanPush = PushFrame & { type: typeof Push.BLACK | typeof Push.UNBLACK };

export function isBan(push: PushFrame): push is BanPush {
  return push.type === Push.BLACK || push.type === Push.UNBLACK;
}
