import type { Generated } from "kysely";

/** The tables of what the product pushes; the rest of the schema is in `schema.ts`. */
export interface NoticesSchema {
  notifications: NotificationsTable;
  notification_recipients: NotificationRecipientsTable;
  notification_marks: NotificationMarksTable;
  notification_places: NotificationPlacesTable;
  custom_events: CustomEventsTable;
  custom_latest: CustomLatestTable;
  server_dedupes: ServerDedupesTable;
}

/** What the product tells people. A notification to everybody is one row. A row is removed when it is taken back, or nobody has it any more. */
export interface NotificationsTable {
  /** The position of its first event. */
  id: number;
  kind: string;
  /** The product's name for the matter; not unique. */
  key: string | null;
  /** A later notification with the same key replaces this one. */
  collapse_key: string | null;
  title: string;
  text: string;
  link: string | null;
  /** JSON text. */
  data: string | null;
  at: number;
  /** By `ttl`, or when it is too old to be kept. */
  expires_at: number;
  /** 1: the product has said when it expires. */
  has_ttl: 0 | 1;
  to_all: 0 | 1;
  /** How many people it was sent to; 1 1 if it is to everybody. */
  recipients: number;
  done: Generated<0 | 1>;
  /** 1: a notification to everybody that was taken back; it is removed when no marks of it are left. */
  is_gone: Generated<0 | 1>;
  /** 1: it has expired, its content is gone, and nobody has a row of it. */
  is_swept: Generated<0 | 1>;
}

/** A notification in one person's list; never of one to everybody. */
export interface NotificationRecipientsTable {
  uid: number;
  notification_id: number;
  /** The notification's. */
  collapse_key: string | null;
  /** 1: read by its id; reading up to some id is in the person's places. */
  read: Generated<0 | 1>;
  archived: Generated<0 | 1>;
}

/** What a person has done with a notification to everybody by its id; no row: nothing. */
export interface NotificationMarksTable {
  uid: number;
  notification_id: number;
  read: 0 | 1;
  archived: 0 | 1;
}

/** The ids up to which a person has seen and read their notifications. */
export interface NotificationPlacesTable {
  uid: number;
  seen_up_to: Generated<number>;
  read_up_to: Generated<number>;
  /** How many rows of `notification_recipients` they have: changed in the transaction that changes those rows. */
  kept: Generated<number>;
}

/** One of the product's own events whose content can end before its event leaves the log. All others have their content in the log. */
export interface CustomEventsTable {
  /** The position of its first event. */
  id: number;
  kind: string;
  /** JSON text. */
  data: string;
  collapse_key: string | null;
  expires_at: number | null;
}

/** The newest of a stream's events with one `collapseKey`: earlier ones are replayed without their content. */
export interface CustomLatestTable {
  stream: string;
  collapse_key: string;
  id: number;
}

/** Requests of server keys that are answered again with their first reply. */
export interface ServerDedupesTable {
  key_id: number;
  dedupe_key: string;
  request_hash: string;
  /** JSON text. */
  reply: string;
  at: number;
}
