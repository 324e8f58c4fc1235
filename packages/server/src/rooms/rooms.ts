/**
 * Rooms: the hall (room 1, everybody, no rows of membership), groups (type 1) and direct rooms of two (type 2). This folder
 * decides who is in which room, what they may do there (`rights.ts`) and what they may read (`read-windows.ts`).
 *
 * - A membership is one window of the room's stream, from joining to leaving. Coming back begins a new one.
 * - A joining or a leaving is an event of the room's stream first and of the user's own stream second, in one transaction
 *   with the rows; subscriptions follow these events.
 * - Numbers of statements do not depend on the number of members or rooms.
 *
 * Messages ask rooms; this folder must not import messages, unread, the gateway or http's shell (only its types and errors).
 */
import { HALL_ROOM_ID, roomStream } from "@parley/protocol";
import type { Kysely, Selectable } from "kysely";
import type { Config } from "../config/config.ts";
import type { MembersTable, RoomsTable, Schema } from "../db/schema.ts";

/** HALL and HALL_SEND. */
export type HallRules = Config["hall"];

/** 1 owner, 2 admin, 3 ordinary. */
export type Role = MembersTable["role"];

/** The user who acts, as the login says. */
export interface Actor {
  readonly uid: number;
  /** 1: an administrator of the server. */
  readonly power: 0 | 1;
}

/** Only the part of a login that a procedure needs; the rest would cross to the writer's thread for nothing. */
export function actorOf({ uid, power }: Actor): Actor {
  return { uid, power };
}

export type RoomRow = Omit<Selectable<RoomsTable>, "id"> & {
  id: number;
  /** Head of the room's stream. */
  seq: number;
};

/** Those of `RoomRow`: a prepared statement that reads all columns fails once a newer version has added one. */
export const ROOM_COLUMNS = [
  "id",
  "type",
  "name",
  "avatar",
  "notice",
  "owner_uid",
  "mute_all",
  "history",
  "no",
  "last_message_id",
  "member_count",
  "external_id",
  "direct_key",
  "created_at",
  "dissolved_at",
  "dissolved_seq",
  "untold",
] as const;

export interface Membership {
  readonly role: Role;
  readonly fromSeq: number;
  /** Null: a member now. */
  readonly leftSeq: number | null;
  readonly mutedUntil: number | null;
  /** JSON text: the room as the user saw it last; null while they are a member. */
  readonly leftView: string | null;
  /** 1: they do not know that they are in the room, so for their own requests they are not. */
  readonly untold?: 0 | 1;
}

/** A membership as its person knows it. */
export function knownToThem(membership: Membership | undefined): Membership | undefined {
  return membership?.untold === 1 ? undefined : membership;
}

/** A room and one user's membership in it. */
export interface RoomAndMembership {
  readonly room: RoomRow;
  /** Undefined: the user was never a member. */
  readonly membership: Membership | undefined;
}

/**
 * Administrators of the server are admins of the hall; nobody owns it. Everything in it may be read, even before its first event.
 */
export function hallMembership(actor: Pick<Actor, "power">): Membership {
  return { role: actor.power === 1 ? 2 : 3, fromSeq: 0, leftSeq: null, mutedUntil: null, leftView: null };
}

/** One query. Without an actor: an anonymous reader, who is a member of nothing. Undefined: there is no such room. */
export async function findRoom(
  db: Kysely<Schema>,
  roomId: number,
  actor: Actor | undefined,
): Promise<RoomAndMembership | undefined> {
  const row = await db
    .selectFrom("rooms")
    .leftJoin("streams", (join) => join.on("streams.stream", "=", roomStream(roomId)))
    .leftJoin("members", (join) =>
      join
        .onRef("members.room_id", "=", "rooms.id")
        .on("members.uid", "=", actor?.uid ?? 0)
        .on("members.untold", "=", 0),
    )
    .selectAll("rooms")
    .select(["streams.seq", "members.role", "members.from_seq", "members.left_seq", "members.muted_until"])
    .select("members.left_view")
    .where("rooms.id", "=", roomId)
    .executeTakeFirst();
  if (!row) return undefined;
  const { role, from_seq, left_seq, left_view, muted_until, seq, ...room } = row;
  const read = { fromSeq: from_seq ?? 1, leftSeq: left_seq };
  const stored = role === null ? undefined : { role, ...read, mutedUntil: muted_until, leftView: left_view };
  const inHall = roomId === HALL_ROOM_ID && actor ? hallMembership(actor) : undefined;
  return { room: { ...room, seq: seq ?? 0 }, membership: inHall ?? stored };
}

/** The direct room of two people, if there is one. */
export async function findDirect(db: Kysely<Schema>, a: number, b: number): Promise<number | undefined> {
  const key = directKeyOf(a, b);
  return (await db.selectFrom("rooms").select("id").where("direct_key", "=", key).executeTakeFirst())?.id;
}

/** The two people of a direct room. */
export function peopleOfKey(directKey: string): [number, number] {
  return directKey.split(":").map(Number) as [number, number];
}

/** The other person of a direct room. */
export function otherOf(directKey: string, uid: number): number {
  const [low, high] = peopleOfKey(directKey);
  return low === uid ? high : low;
}

/** The other person, if this one is one of the two; null is the key of a room that is not direct. */
export function otherIn(directKey: string | null, uid: number): number | undefined {
  return directKey !== null && peopleOfKey(directKey).includes(uid) ? otherOf(directKey, uid) : undefined;
}

/** The same for both people, whoever asks first. */
export function directKeyOf(a: number, b: number): string {
  return a < b ? `${a}:${b}` : `${b}:${a}`;
}
