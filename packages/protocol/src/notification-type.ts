/** NOTIFICATION: the present state of a notice from the product. If a client already has the id, this replaces it. */
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
  /** From then on it is in no list and no longer counts. */
  expiresAt: number;
  /** The product has settled it: it makes no dot. */
  done?: true;
}

/** It has expired: its content is no longer sent. */
export interface NotificationExpired extends Pick<NotificationShown, "id" | "kind" | "at" | "expiresAt" | "done"> {
  title: null;
  text: null;
}

/** The user no longer has it: it was taken back, or a later one has replaced it. */
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

/** The counters for the dots of notifications and friend requests, all from one moment. */
export interface Counters {
  /** Notifications that are neither seen nor read, archived or done. */
  unseen: number;
  /** Notifications that are neither read nor archived or done. */
  unreadNotifications: number;
  friendRequests: number;
}
