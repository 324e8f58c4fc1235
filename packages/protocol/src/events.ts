import type { Message } from "./message-type.ts";
import type { Counters, NotificationData, NotificationMarks } from "./notification-type.ts";
import * as Push from "./push-values.ts";
import type { User } from "./user-type.ts";

/** Frames from server to client. Those marked "logged" are events of a stream and carry `stream` and `seq`. */
export { Push };

export const ActiveStatus = { online: 1, offline: 2 } as const;
export const ChangeType = { joined: 1, left: 2 } as const;
/** `mutedUntil` of somebody who is muted for good: the last moment that a date can name. */
export const MUTED_FOR_GOOD = 8_640_000_000_000_000;
export const MarkType = { like: 1, dislike: 2 } as const;
export const ActType = { confirm: 1, cancel: 2 } as const;

export interface OnlineChange {
  uid: number;
  /** 1 online, 2 offline. */
  activeStatus: 1 | 2;
  /** Epoch milliseconds. */
  lastOptTime: number;
}

export interface MarkChange {
  uid: number;
  msgId: number;
  /** 1 like, 2 dislike. */
  markType: 1 | 2;
  /** How many marks of this type the message has after the change. */
  markCount: number;
  /** 1 confirm: the mark is set; 2 cancel: it is taken away. */
  actType: 1 | 2;
}

/** What has become of two people: of a request that one of them made, of their friendship, or of the name that one has for the other. */
export type FriendChange = "requested" | "accepted" | "rejected" | "withdrawn" | "removed" | "remark";

export type ResyncWhy = "epoch" | "rejoined" | "trimmed" | "far" | "ahead";

/** `data` of each push, by its type. Times are epoch milliseconds. */
export interface PushData {
  1: { loginUrl: string; expiresAt: number };
  2: undefined;
  3: { uid: number; name: string; avatar: string; token: string; power: 0 | 1 };
  4: Message;
  5: {
    changeList: OnlineChange[];
    onlineNum: number;
    /** In the frame that ends what a reader is told at the beginning: whether everybody who is online was named. */
    complete?: boolean;
  };
  6: undefined;
  7: { uid: number };
  8: { markList: MarkChange[] };
  9: { msgId: number; roomId: number; recallUid: number };
  /** Clients add `unreadCount` to the number of requests that are not read. */
  10: { uid: number; unreadCount: number };
  11: {
    roomId: number;
    uid: number;
    uids?: number[];
    changeType: 1 | 2;
    activeStatus?: 1 | 2;
    lastOptTime?: number;
    /** In the copy that the user's own stream holds: the seq of the room's event. */
    seq?: number;
    /** Of a join. */
    joinedAt?: number;
  };
  100: { code: string; message: string; requestType?: number };
  101: {
    connectionId: string;
    epoch: string;
    serverTime: number;
    heartbeatMs: number;
    idleMs: number;
    cursor: string;
    /** Of the product's own token. */
    tokenExpiresAt?: number;
    /** Of a login whose end a refresh puts off. */
    loginExpiresAt?: number;
  };
  102: NotificationData;
  103: RedDot;
  /** How far people have read a room. */
  104: { roomId: number; reads: { uid: number; seq: number }[] };
  105: { roomId: number; uid: number };
  106: {
    roomId: number;
    name?: string;
    avatar?: string;
    notice?: string;
    /** Null: it has no owner any more. */
    ownerId?: number | null;
    muteAll?: boolean;
    history?: "all" | "joined";
    dissolved?: boolean;
    /** With `dissolved`. */
    dissolvedAt?: number;
  };
  107: { retryAfterMs: number; cursor: string };
  108: { stream: string; seq?: number; cursor?: string; why: ResyncWhy };
  /** With what concerns notifications or friend requests it has the counters behind it. */
  109: {
    roomId?: number;
    readSeq?: number;
    unread?: number;
    pinned?: boolean;
    muted?: boolean;
    /** Requests that wait for an answer with this id and lower ones are read. */
    friendRequestsRead?: number;
    block?: { uid: number; blocked: boolean };
  } & NotificationMarks &
    Partial<Counters>;
  110: Message;
  111: {
    /** The other person. */
    uid: number;
    change: FriendChange;
    requestId?: number;
    /** With `accepted`: the direct room of both. */
    roomId?: number;
    /** With `remark`. */
    remark?: string;
  };
  112: {
    roomId: number;
    uid: number;
    role?: 1 | 2 | 3;
    /** Null: not muted any more; `MUTED_FOR_GOOD`: until somebody ends it. */
    mutedUntil?: number | null;
  };
  114: User;
  115: { cursor: string; live?: true };
  116: { uid: number };
  /** An event of the product's own. `data` is null also where it has expired or a later one has taken its place. */
  117: { kind: string; data: unknown };
  118: { expiresAt: number };
}

export interface RedDot {
  total: number;
  rooms: { roomId: number; unread: number }[];
  friendRequests: number;
  notifications: number;
}
