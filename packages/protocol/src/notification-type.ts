/** NOTIFICATION: a notice of the product's as it is now. The same id again: it has changed, and takes the place of what a client has. */
export type NotificationData = NotificationShown | NotificationExpired | NotificationGone;

export interface NotificationShown {
  /** The position of its first event, the same for everybody who gets it. Later ones have larger ids. */
  id: number;
  /** A name that the product chooses. */
  kind: string;
  title: string;
  text: string;
  /** An http or https address, or a path of the product's site. */
  link?: string;
  /** Any JSON. */
  data?: unknown;
  at: number;
  /** From then on it is in no list and counts no more. */
  expiresAt: number;
  /** The product has settled it: it makes no dot. */
  done?: true;
}

/** It has expired: nothing of its content is told any more. */
export interface NotificationExpired extends Pick<NotificationShown, "id" | "kind" | "at" | "expiresAt" | "done"> {
  title: null;
  text: null;
}

/** It is not the user's any more: taken back, or a later one has its place. */
export interface NotificationGone {
  id: number;
  removed: true;
}

/** What a person has done with notifications, as their other devices are told. */
export interface NotificationMarks {
  /** All up to this id are seen: they make no dot. */
  notificationsSeen?: number;
  /** All up to this id, and these, are read. */
  notificationsRead?: { upTo?: number; ids?: number[] };
  /** These have left the list. */
  notificationsArchived?: number[];
}

/** What makes the dots of notifications and friend requests, all of one moment. */
export interface Counters {
  /** Notifications that are neither seen nor read, archived or done. */
  unseen: number;
  /** Notifications that are neither read nor archived or done. */
  unreadNotifications: number;
  friendRequests: number;
}
