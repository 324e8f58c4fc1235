import { z } from "@hono/zod-openapi";
import {
  countSchema,
  HALL_ROOM_ID,
  idSchema,
  LIMITS,
  messageSchema,
  shownTextSchema,
  userSchema,
} from "@parley/protocol";
import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { HallCount } from "./hall.ts";
import { roleSchema } from "./members.ts";
import type { ReadableRoom } from "./reading.ts";
import { otherOf } from "./rooms.ts";

/** A group may be called as its owner likes, a direct room is called like the other person. */
const nameMax = Math.max(LIMITS.roomNameCodePoints, LIMITS.nameCodePoints);

/** A room as one reader sees it. */
export const Room = z
  .object({
    id: idSchema,
    type: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 group or hall, 2 direct" }),
    name: shownTextSchema(0, nameMax).openapi({ description: "Of a direct room: the other person's name" }),
    avatar: userSchema.shape.avatar,
    memberCount: countSchema.nullable(),
    notice: shownTextSchema(0, LIMITS.noticeCodePoints).nullable(),
    ownerId: idSchema.nullable(),
    managed: z.boolean().openapi({
      description:
        "The product manages it and its members, and the reader may only leave it (`room_managed`); false to people who are not in it",
    }),
    muteAll: z.boolean().openapi({ description: "Only the owner and admins may write" }),
    history: z.enum(["all", "joined"]).openapi({ description: "What new members may read" }),
    seq: countSchema.nullable().openapi({ description: "Newest event of the room's stream that the reader may read" }),
    role: roleSchema.nullable().openapi({ description: "1 owner, 2 admin, 3 ordinary; null: no longer a member" }),
    userId: idSchema.nullable().openapi({ description: "The other person of a direct room" }),
    dissolvedAt: countSchema.nullable(),
  })
  .openapi("Room");

/** The message object, in lists of rooms and in what the routes of messages answer. */
export const Message = z.object(messageSchema.shape).openapi("Message");

export const Conversation = Room.extend({
  lastMessage: z.union([Message, z.null()]),
  unread: countSchema,
  readSeq: countSchema,
  pinned: z.boolean(),
  muted: z.boolean(),
}).openapi("Conversation");

export type RoomView = z.infer<typeof Room>;
export type ConversationView = z.infer<typeof Conversation>;

/** Rooms as a reader sees them; one query more for all direct rooms, one for the hall. */
export async function viewsOf(
  db: Kysely<Schema>,
  rooms: readonly ReadableRoom[],
  { uid, hallCount, now }: { uid: number | undefined; hallCount: HallCount; now: number },
): Promise<RoomView[]> {
  const others = new Map(
    rooms.flatMap(({ room }) => (room.direct_key && uid ? [[room.id, otherOf(room.direct_key, uid)] as const] : [])),
  );
  const people = await peopleOf(db, [...others.values()]);
  const hasHall = rooms.some(({ room, window }) => room.id === HALL_ROOM_ID && window);
  const everybody = hasHall ? await hallCount.read(db, now) : 0;
  return rooms.map(({ room, role, window }): RoomView => {
    const userId = others.get(room.id) ?? null;
    const other = userId === null ? undefined : people.get(userId);
    return {
      id: room.id,
      type: room.type,
      name: other?.name ?? room.name,
      avatar: other?.avatar ?? room.avatar,
      memberCount: window ? (room.id === HALL_ROOM_ID ? everybody : room.member_count) : null,
      notice: window ? room.notice : null,
      ownerId: room.owner_uid,
      managed: role !== null && room.external_id !== null,
      muteAll: room.mute_all === 1,
      history: room.history,
      seq: window ? (window.leftSeq ?? room.seq) : null,
      role,
      userId,
      dissolvedAt: room.dissolved_at,
    };
  });
}

async function peopleOf(db: Kysely<Schema>, uids: readonly number[]) {
  if (uids.length === 0) return new Map<number, { name: string; avatar: string }>();
  const rows = await db
    .selectFrom("users")
    .select(["uid", "name", "avatar"])
    .where("uid", "in", numberList(uids))
    .execute();
  return new Map(rows.map((row) => [row.uid, row]));
}
