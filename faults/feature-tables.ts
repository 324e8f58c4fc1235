import type { Database } from "bun:sqlite";

/* For tests of the checker: a log in which nothing but messages and memberships happens. */

export const NOTHING_PUSHED = { notices: [], takenBack: [], customs: [] };

export const NO_COUNTERS = { unseen: 0, unreadNotifications: 0, friendRequests: 0 };

/** One server, to which nothing happened. */
export const ALONE = { lives: [], troubles: [], elsewhereMs: 0 };

/** The columns that the checker reads. */
export function createFeatureTables(db: Database): void {
  db.run("alter table messages add column likes int default 0");
  db.run("alter table messages add column dislikes int default 0");
  db.run("create table marks (uid int, message_id int, type int)");
  db.run("create table bans (uid int)");
  db.run(
    "create table friend_requests (id integer primary key, from_uid int, to_uid int, state text, hidden int, read int)",
  );
  db.run("create table friends (uid int, friend_uid int, room_id int, remark text)");
  db.run("create table custom_events (id integer primary key, kind text, data text, collapse_key text)");
  db.run(`create table notifications (id integer primary key, kind text, title text, text text, done int default 0,
    to_all int default 0, is_gone int default 0)`);
  db.run(
    "create table notification_recipients (uid int, notification_id int, read int default 0, archived int default 0)",
  );
  db.run("create table notification_marks (uid int, notification_id int, read int, archived int)");
  db.run("create table notification_places (uid int, seen_up_to int, read_up_to int)");
}
