import { z } from "@hono/zod-openapi";
import { countSchema, HALL_ROOM_ID, idSchema, LIMITS, SYSTEM_UID, userSchema } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";
import { cut } from "./page.ts";
import { readableRoom } from "./reading.ts";
import { type Actor, hallMembership, type RoomRow } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";
import { offline, statesFor } from "./shown-presence.ts";

/** Of a member; null in a reply: not a member now. */
export const roleSchema = z.int().min(1).max(3);

export const Member = z
  .object({
    uid: idSchema,
    role: roleSchema.openapi({ description: "1 owner, 2 admin, 3 ordinary" }),
    joinedAt: countSchema,
    mutedUntil: countSchema.nullable().openapi({
      description: "Until then they may not write; 8640000000000000: for good; null: not muted",
    }),
    name: userSchema.shape.name,
    avatar: userSchema.shape.avatar,
    activeStatus: z
      .union([z.literal(1), z.literal(2)])
      .nullable()
      .openapi({ description: "1 online, 2 offline; null in rooms of more than 500 members and in the hall" }),
    lastOptTime: countSchema.nullable().openapi({
      description: "When they came online or went offline; null if the server has not seen that since it started",
    }),
  })
  .openapi("Member");

export type MemberView = z.infer<typeof Member>;
type MemberRow = Omit<MemberView, "activeStatus" | "lastOptTime"> & { untold: 0 | 1 };
type PresentState = Pick<MemberView, "activeStatus" | "lastOptTime">;

const NOT_TOLD: PresentState = { activeStatus: null, lastOptTime: null };

/** Whether somebody is in a room that has not been dissolved. */
export async function isMember(
  { db, hall }: Pick<RoomsContext, "db" | "hall">,
  { roomId, uid }: { roomId: number; uid: number },
): Promise<boolean> {
  if (roomId === HALL_ROOM_ID) return hall.access !== "off";
  const row = await db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .select("members.uid")
    .where("members.room_id", "=", roomId)
    .where("members.uid", "=", uid)
    .where("members.untold", "=", 0)
    .where("members.left_seq", "is", null)
    .where("rooms.dissolved_seq", "is", null)
    .executeTakeFirst();
  return row !== undefined;
}

/** Everybody who is in a room now. */
export async function uidsIn(db: Kysely<Schema>, roomId: number): Promise<number[]> {
  const rows = await db
    .selectFrom("members")
    .select("uid")
    .where("room_id", "=", roomId)
    .where("left_seq", "is", null)
    .execute();
  return rows.map(({ uid }) => uid);
}

/** The members of a room, by uid. For members only: people who left see what was said, not who is there now. */
export async function memberPage(
  context: Pick<RoomsContext, "hall" | "presence">,
  db: Kysely<Schema>,
  asked: { actor: Actor | undefined; roomId: number; after: number | undefined; limit: number },
): Promise<{ items: MemberView[]; nextCursor: string | null }> {
  const { roomId, actor } = asked;
  const { room, role } = await readableRoom(context, db, { roomId, actor });
  if (role === null && actor) throw new ProblemError("forbidden", "You are no longer in this room");
  if (role === null) throw new ProblemError("unauthorized");
  const after = asked.after ?? 0;
  const limit = asked.limit + 1;
  const rows = roomId === HALL_ROOM_ID ? await everybody(db, after, limit) : await inRoom(db, { roomId, after, limit });
  const isTold = roomId !== HALL_ROOM_ID && tellsPresence(room);
  const uids = isTold && actor ? rows.map(({ uid }) => uid) : [];
  const stateOf = await statesFor({ db, presence: context.presence }, actor?.uid ?? 0, uids);
  const items = rows.map(({ untold, ...member }) => {
    const shown = untold === 1 ? offline(member.uid) : stateOf(member.uid);
    const { activeStatus, lastOptTime } = isTold ? shown : NOT_TOLD;
    return { ...member, activeStatus, lastOptTime };
  });
  return cut(items, asked.limit, (last) => last.uid);
}

/** Whether the members of a room that is not the hall are told who of them is online. */
function tellsPresence({ member_count, dissolved_seq }: Pick<RoomRow, "member_count" | "dissolved_seq">): boolean {
  return member_count <= LIMITS.presenceRoomMembers && dissolved_seq === null;
}

function inRoom(db: Kysely<Schema>, page: { roomId: number; after: number; limit: number }): Promise<MemberRow[]> {
  return db
    .selectFrom("members")
    .innerJoin("users", "users.uid", "members.uid")
    .select(["members.uid", "members.role", "members.joined_at as joinedAt", "users.name", "users.avatar"])
    .select(["members.muted_until as mutedUntil", "members.untold"])
    .where("members.room_id", "=", page.roomId)
    .where("members.left_seq", "is", null)
    .where("members.uid", ">", page.after)
    .orderBy("members.uid")
    .limit(page.limit)
    .execute();
}

async function everybody(db: Kysely<Schema>, after: number, limit: number): Promise<MemberRow[]> {
  const rows = await db
    .selectFrom("users")
    .select(["uid", "power", "created_at as joinedAt", "name", "avatar"])
    .where("uid", ">", Math.max(after, SYSTEM_UID))
    .where("deleted_at", "is", null)
    .orderBy("uid")
    .limit(limit)
    .execute();
  return rows.map(({ power, ...user }) => ({
    ...user,
    role: hallMembership({ power }).role,
    mutedUntil: null,
    untold: 0,
  }));
}
