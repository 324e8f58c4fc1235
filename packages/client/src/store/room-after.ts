import { ChangeType, Push } from "@parley/protocol/events";
import type { Conversation } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import { messageAfter } from "./message-changes.ts";
import { isLeavingOf, uidsOf } from "./pushes.ts";

/**
 * A room as the list shows it. A room that the user has left, or that was dissolved, is not listed (`isListed`): it stays as it was, and
 * of what the list adds only `pinned` and `muted` still mean anything.
 */
export type StoredRoom = Conversation & { readonly isListed: boolean };

/** A room after the next event of its stream. Pure. */
export function roomAfter(before: StoredRoom, push: PushFrame, { me, seq }: { me: number; seq: number }): StoredRoom {
  const room = { ...before, seq };
  switch (push.type) {
    case Push.MESSAGE: {
      const { fromUser, message } = push.data;
      if (!room.isListed) return room;
      // People who write in a room have read it up to their message.
      if (fromUser.uid === me) return { ...room, lastMessage: push.data, readSeq: message.seq, unread: 0 };
      return { ...room, lastMessage: push.data, unread: room.unread + (message.no === null ? 0 : 1) };
    }
    case Push.RECALL:
    case Push.MARK:
    case Push.MESSAGE_UPDATE:
      return { ...room, lastMessage: room.lastMessage && messageAfter(room.lastMessage, push, me) };
    case Push.ROOM: {
      const { roomId: _, dissolved, ...changed } = push.data;
      return dissolved ? unlisted({ ...room, ...changed }) : { ...room, ...changed };
    }
    case Push.MEMBER_UPDATE: {
      const { uid, role } = push.data;
      return uid === me && role !== undefined ? { ...room, role } : room;
    }
    case Push.MEMBER_CHANGE: {
      const count = room.memberCount ?? 0;
      if (isLeavingOf(push, me)) return unlisted({ ...room, role: null, memberCount: count - 1 });
      const more = uidsOf(push.data).length;
      return { ...room, memberCount: push.data.changeType === ChangeType.joined ? count + more : count - more };
    }
    default:
      return room;
  }
}

/** A room after an event of the user's own stream that has no number in the room's. Pure. */
export function roomAfterOwn(room: StoredRoom, push: PushFrame): StoredRoom {
  if (!room.isListed) return room;
  if (push.type === Push.MESSAGE) {
    // The message is visible to its sender alone. The list does not show it, and its sender has read the room up to there.
    const { seq } = push.data.message;
    return seq > room.readSeq ? { ...room, readSeq: seq, unread: 0 } : room;
  }
  if (push.type !== Push.SELF) return room;
  const { readSeq, unread, pinned = room.pinned, muted = room.muted } = push.data;
  const so = pinned === room.pinned && muted === room.muted ? room : { ...room, pinned, muted };
  // A place only moves forward. One that has been reached already came with a reply that is newer than this event.
  if (readSeq === undefined || readSeq <= so.readSeq) return so;
  return { ...so, readSeq, unread: unread ?? so.unread };
}

function unlisted(room: StoredRoom): StoredRoom {
  return { ...room, isListed: false, unread: 0, managed: false };
}
