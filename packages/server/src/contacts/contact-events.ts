import { type FriendChange, Push, type PushData, userStream } from "@parley/protocol";
import type { Draft } from "../event-log/event-log.ts";

/** FRIEND, for one of the two people. */
export function friendEvent(uid: number, data: PushData[111] & { change: FriendChange }): Draft {
  return own(uid, Push.FRIEND, data);
}

/** APPLY: somebody asks this person. */
export function applyEvent(uid: number, from: number): Draft {
  const data: PushData[10] = { uid: from, unreadCount: 1 };
  return own(uid, Push.APPLY, data);
}

/** SELF, for all devices of the person. */
export function selfEvent(uid: number, data: PushData[109]): Draft {
  return own(uid, Push.SELF, data);
}

function own(uid: number, type: number, data: object): Draft {
  const text = JSON.stringify(data);
  return { stream: userStream(uid), type, data: () => text };
}
