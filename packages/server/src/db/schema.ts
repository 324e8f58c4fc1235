import type { Generated } from "kysely";
import type { ProductLoginId } from "../lib/login-id.ts";
import type { BlocksTable, FriendRequestsTable, FriendsTable, HiddenMarksTable } from "./contact-tables.ts";
import type { NoticesSchema } from "./notices-schema.ts";

/**
 * Every table on one page, except those of notifications and of the product's own events (`notices-schema.ts`); rows and migrations change
 * together. Times are epoch milliseconds, flags are 0 or 1, ids are whole numbers below 2^53. The same for SQLite and PostgreSQL.
 */
export interface Schema extends NoticesSchema {
  meta: MetaTable;
  writers: WritersTable;
  nodes: NodesTable;
  log: LogTable;
  streams: StreamsTable;
  events: EventsTable;
  followers: FollowersTable;
  webhooks: WebhooksTable;
  webhook_lanes: WebhookLanesTable;
  webhook_dead_letters: WebhookDeadLettersTable;
  users: UsersTable;
  name_looks: NameLooksTable;
  logins: LoginsTable;
  known_requesters: KnownRequestersTable;
  rate_counts: RateCountsTable;
  qr_logins: QrLoginsTable;
  ended_external_ids: EndedExternalIdsTable;
  server_keys: ServerKeysTable;
  rooms: RoomsTable;
  members: MembersTable;
  room_reads: RoomReadsTable;
  messages: MessagesTable;
  marks: MarksTable;
  bans: BansTable;
  audit: AuditTable;
  hidden_marks: HiddenMarksTable;
  friend_requests: FriendRequestsTable;
  friends: FriendsTable;
  blocks: BlocksTable;
}

/** Facts about this database: `epoch` (16 hex digits); on PostgreSQL also where it was used last (`postgres/timeline.ts`). */
export interface MetaTable {
  key: string;
  value: string;
}

/** The newest batch of each writer, which a writer reads whose commit was not answered (`postgres/writer.ts`). */
export interface WritersTable {
  node: string;
  batch: number;
  at: number;
}

/** The nodes that are alive, on PostgreSQL (`postgres/lease-rows.ts`). Times are the database's. */
export interface NodesTable {
  node: string;
  /** Rises with each node that begins, and is never used again while an older one is alive. */
  number: number;
  renewed_at: number;
  /** How far it has announced the log. */
  announced: number;
  /** The newest version of who is connected to it. */
  people_version: number;
  /** Whether its bus works, and which (`postgres/lease-rows.ts`). */
  hears_bus: 0 | 1 | 2;
}

/**
 * One row: the position of the newest event and the latest time of one. Taken inside each writing transaction, so the order of numbers is
 * the order of commits, and times do not fall when the clock does.
 */
export interface LogTable {
  id: number;
  pos: number;
  at: number;
  /** On PostgreSQL: when the clock will have caught up with the log's time, if that was ahead; null or past otherwise. */
  caught_up_at: number | null;
}

/** The head of each stream that has had an event. */
export interface StreamsTable {
  stream: string;
  seq: number;
  /** Position of the newest event. */
  pos: number;
  /** Seq of the oldest event that is kept; `seq + 1` when none is. */
  first_seq: number;
  /** Position of the newest event that was removed; 0: none was. */
  trimmed_pos: Generated<number>;
}

/** The log. */
export interface EventsTable {
  pos: number;
  stream: string;
  seq: number;
  /** Type of the push, or of an internal event (negative). */
  type: number;
  /** The message that the event is about, or the notification or event of the product's: its content is never copied into the log. */
  message_id: number | null;
  /** JSON text of the frame's `data`; null where it is built from that message, notification or event as it is now. */
  data: string | null;
  at: number;
}

/** Readers of the log inside the server, by their names. */
export interface FollowersTable {
  name: string;
  /** Everything up to this position was handled. */
  pos: number;
}

/** An address of the product that is told what happens. */
export interface WebhooksTable {
  id: Generated<number>;
  url: string;
  /** Signs what is sent there, so it is stored in plain text. */
  secret: string;
  /** JSON text: the names of the events that are told; null: all. */
  events: string | null;
  created_at: number;
  /** Since when nothing at all could be delivered there; null: something could, or nothing was tried. */
  failing_since: number | null;
}

/** A stream that is behind at an address and is delivered separately, because a delivery failed or takes long. */
export interface WebhookLanesTable {
  webhook_id: number;
  stream: string;
  /** Seq, position and time of the first event that was not delivered. */
  seq: number;
  pos: number;
  at: number;
  /** How often that event was tried. */
  attempts: number;
  /** Since when every try of this stream has failed; null: the last one did not. */
  failing_since: number | null;
}

/** An event that was given up at an address: only its place, so that no recalled text is kept here. */
export interface WebhookDeadLettersTable {
  webhook_id: number;
  pos: number;
  stream: string;
  seq: number;
  type: number;
  at: number;
  died_at: number;
  attempts: number;
  /** Why the last try failed. */
  reason: string;
}

export interface UsersTable {
  uid: Generated<number>;
  name: string;
  /** `name` after NFKC and case folding: what is unique. For people with an external id, whose names need not be unique, their uid is a part of it. */
  name_key: string;
  /** The product's id for them; null for everybody else, and if the account was deleted. */
  external_id: string | null;
  /** The product's own tokens that were made at or before that moment are refused; null: none are. */
  tokens_not_before: number | null;
  avatar: string;
  power: 0 | 1;
  /** argon2id in PHC form; null for people who cannot sign in with a password. */
  password_hash: string | null;
  created_at: number;
  created_ip: string;
  updated_at: number;
  last_seen_at: number;
  deleted_at: number | null;
  /** Since when an operator keeps the person out; null: they may come in. */
  disabled_at: number | null;
}

/** What a person's name looks like; some rows for each. Older names may share a look, so it is not unique. */
export interface NameLooksTable {
  look: string;
  uid: number;
}

/** One signed-in device. The token itself is never stored. */
export interface LoginsTable {
  id: Generated<number>;
  uid: number;
  /** SHA-256 of the token, hex. */
  token_hash: string;
  /** The token before the last refresh, valid until `previous_until`, so that a lost reply signs nobody out. */
  previous_hash: string | null;
  previous_until: number | null;
  created_at: number;
  last_seen_at: number;
  expires_at: number;
  ip: string;
  user_agent: string;
  via: "password" | "qr" | "server";
}

/** Where people have signed in from, and with which devices; see `identity/known-requesters.ts`. */
/** What the database counts of `STORED_RATES`, until a day after the first (`stored-counts.ts`). */
export interface RateCountsTable {
  key: string;
  rate: string;
  counted: number;
  /** When the first of them was counted. */
  since: number;
}

export interface KnownRequestersTable {
  uid: number;
  /** An address, as limits count it, or the hash of a token whose login has expired. */
  mark: string;
  seen_at: number;
}

export interface QrLoginsTable {
  code: string;
  /** SHA-256 of the requester's secret, hex. */
  secret_hash: string;
  state: "pending" | "scanned" | "confirmed" | "rejected" | "used";
  ip: string;
  user_agent: string;
  requested_at: number;
  expires_at: number;
  /** The login that scanned, and its user; only it may confirm. */
  /** If it was a login with a row. */
  scanned_by_login: number | null;
  /** If it was a login without a row. */
  scanned_by_product_login: ProductLoginId | null;
  scanned_by_uid: number | null;
}

/** External ids of deleted accounts: tokens made until then are refused for the next person with the id. */
export interface EndedExternalIdsTable {
  /** SHA-256, hex: nothing readable is kept of what was deleted. */
  external_id_hash: string;
  ended_at: number;
}

/** The keys that the product's backend sends with its requests. A revoked key has no row; ids are never reused. */
export interface ServerKeysTable {
  id: Generated<number>;
  /** Its name in logs and metrics; unique. */
  name: string;
  /** SHA-256 of the key, hex. */
  key_hash: string;
  /** JSON text: the list of its scopes. */
  scopes: string;
  created_at: number;
  /** Null: it has no end. */
  expires_at: number | null;
  /** Written at most once a minute; null: it was never used. */
  last_used_at: number | null;
  /** Requests a second; null: the number of the table of limits. */
  rate: number | null;
  /** The same for people and rooms that get notifications and events, and for those to everybody. */
  recipients_rate: number | null;
  all_rate: number | null;
}

export interface RoomsTable {
  id: Generated<number>;
  /** 1 group (and the hall), 2 direct. */
  type: 1 | 2;
  name: string;
  avatar: string;
  notice: string;
  owner_uid: number | null;
  mute_all: 0 | 1;
  /** What a new member may read: everything, or what is said from their joining on. */
  history: "all" | "joined";
  /** How many messages that make a dot were written. */
  no: number;
  last_message_id: number | null;
  member_count: number;
  /** The external id of a managed room; null for rooms that people made, and after it was dissolved. */
  external_id: string | null;
  /** `<lower uid>:<higher uid>` of a direct room, which makes it unique. */
  direct_key: string | null;
  created_at: number;
  dissolved_at: number | null;
  /** Seq of the event that dissolved it; nobody can read beyond it. */
  dissolved_seq: number | null;
  /** How many of its members do not know that they are members (`members.untold`). */
  untold: Generated<number>;
}

/**
 * A membership, past ones too: one window of the room's stream, from joining to leaving. One row for a person and a room: coming back
 * begins a new window in the same row. The hall has no rows.
 */
export interface MembersTable {
  room_id: number;
  uid: number;
  /** 1 owner, 2 admin, 3 ordinary. */
  role: 1 | 2 | 3;
  /** First seq that may be read over HTTP: 1, or `joined_seq` if the room hid its history at that moment. */
  from_seq: number;
  /** Seq and position of the event with which they joined: where the log begins for them. */
  joined_seq: number;
  joined_pos: number;
  joined_at: number;
  /** Seq and position of the event with which they left; null while they are in. */
  left_seq: number | null;
  left_pos: number | null;
  /** Seq and position of the last leaving before `joined_seq`; 0: they were never in before. */
  before_seq: Generated<number>;
  before_pos: Generated<number>;
  /** JSON text: the room as it was when they left, which is how they see it; null while they are in. */
  left_view: string | null;
  muted_until: number | null;
  /** 1: somebody whom they have blocked has brought them in, and they do not know of it (`rooms/untold.ts`). */
  untold: Generated<0 | 1>;
}

/** A user's own state of a room: how far they have read it, and their settings. No row: nothing read, or never a member. */
export interface RoomReadsTable {
  uid: number;
  room_id: number;
  read_seq: number;
  /** The room's `no` at `read_seq`: unread = rooms.no - read_no. */
  read_no: number;
  read_at: number;
  pinned: Generated<0 | 1>;
  /** Their clients do not alert them; unlike `members.muted_until`, it keeps nobody from writing. */
  muted: Generated<0 | 1>;
}

export interface MessagesTable {
  /** The position of its MESSAGE event: unique across all rooms, rising within a room. */
  id: number;
  room_id: number;
  /** That of its event in the room's stream. If `sender_only` is 1: that of the newest event there at that moment. */
  seq: number;
  /** Null if it makes no dot. */
  no: number | null;
  uid: number;
  type: number;
  /** JSON text of what the sender wrote, in the form that its kind stores; what is shown is built from it at each read. */
  body: string;
  /** The message it quotes: its text is joined at reading, so that a recall reaches quotations too. */
  reply_to: number | null;
  client_id: string | null;
  /** The server key that sent it; null: its sender did. Then `client_id` is null, and this is the key's client id. */
  key_id: number | null;
  key_client_id: string | null;
  /** Digest of the request, to tell a repeat from another message. */
  request_hash: string | null;
  sent_at: number;
  recalled_by: number | null;
  recalled_at: number | null;
  /** 1: only its sender may see it; its event is in the sender's own stream. */
  sender_only: Generated<0 | 1>;
  /** How many rows of `marks` this message has, of each type: changed in the transaction that changes those rows. */
  likes: Generated<number>;
  dislikes: Generated<number>;
}

/** One mark of one person on one message; no row: none. A mark of the other type takes its place. */
export interface MarksTable {
  uid: number;
  message_id: number;
  /** 1 like, 2 dislike. */
  type: 1 | 2;
}

/** Bans in force, of a person or a range of addresses; one that ends loses its row. */
export interface BansTable {
  id: Generated<number>;
  /** Null: of addresses. */
  uid: number | null;
  /** In canonical form; null: a ban of a person. */
  cidr: string | null;
  /** Null: for good. */
  until: number | null;
  /** What the banned are told; empty: nothing. */
  reason: string;
  created_at: number;
  /** The administrator. */
  created_by: number;
}

/** What administrators and operators did; see `audit/audit-writes.ts`. Ids rise with time. */
export interface AuditTable {
  id: Generated<number>;
  at: number;
  /** Null: an operator, on the command line. */
  uid: number | null;
  /** Empty for an operator. */
  ip: string;
  act: string;
  target: string;
  /** JSON text; null: there was nothing before, or it says nothing. */
  before: string | null;
  after: string | null;
}
