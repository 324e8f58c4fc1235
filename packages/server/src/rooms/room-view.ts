import { z } from "@hono/zod-openapi";
import { HALL_ROOM_ID, messageSchema } from "@parley/protocol";
import type { Kysely } from "kysely";
import { inList } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import type { HallCount } from "./hall.ts";
import type { ReadableRoom } from "./reading.ts";
import { otherOf } from "./rooms.ts";

const id = z.number().int();

/** A room as one reader sees it. */
export const Room = z
  .object({
    id,
    type: z.union([z.literal(1), z.literal(2)]).openapi({ description: "1 group or hall, 2 direct" }),
    name: z.string().openapi({ description: "Of a direct room: the other person's name" }),
    avatar: z.string(),
    memberCount: z.number().int().nullable(),
    notice: z.string().nullable(),
    ownerId: id.nullable(),
    muteAll: z.boolean().openapi({ description: "Only the owner and admins may write" }),
    history: z.enum(["all", "joined"]).openapi({ description: "What new members may read" }),
    seq: z
      .number()
      .int()
      .nullable()
      .openapi({ description: "Newest event of the room's stream that the reader may read" }),
    role: z.number().int().nullable().openapi({ description: "1 owner, 2 admin, 3 ordinary; null: not a member now" }),
    userId: id.nullable().openapi({ description: "The other person of a direct room" }),
    dissolvedAt: z.number().int().nullable(),
  })
  .openapi("Room");

export const Conversation = Room.extend({
  lastMessage: messageSchema.nullable(),
  unread: z.number().int(),
  readSeq: z.number().int(),
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
    .where("uid", "in", inList(uids))
    .execute();
  return new Map(rows.map((row) => [row.uid, row]));
}
