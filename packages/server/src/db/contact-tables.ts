import type { Generated } from "kysely";

/**
 * Somebody's mark on a message of their direct room with a person who has blocked them. For them it replaces what `marks` says, which the other person sees.
 */
export interface HiddenMarksTable {
  uid: number;
  message_id: number;
  /** 0: none. */
  type: 0 | 1 | 2;
}

/** One for two people in each direction: a new request replaces an answered one. A withdrawn request has no row. */
export interface FriendRequestsTable {
  id: Generated<number>;
  from_uid: number;
  to_uid: number;
  text: string;
  state: "open" | "accepted" | "rejected";
  /** 1: the person who is asked does not see it, since they have blocked the one who asks. */
  hidden: 0 | 1;
  /** 1: the person who is asked has read it. */
  read: 0 | 1;
  created_at: number;
  answered_at: number | null;
}

/** One row for each of two friends. */
export interface FriendsTable {
  uid: number;
  friend_uid: number;
  /** Their direct room. */
  room_id: number;
  /** The person's name for their friend; empty: the friend's own name. */
  remark: string;
  since: number;
}

/** `uid` has blocked `blocked_uid`. */
export interface BlocksTable {
  uid: number;
  blocked_uid: number;
  since: number;
  /** When `uid` was last online, as far as `blocked_uid` has seen it; nothing newer is shown to them. Null: they have not seen it. */
  last_seen_at: number | null;
  /** How far `uid` had read the direct room of both: no more is shown to `blocked_uid`. */
  read_seq: number;
}
