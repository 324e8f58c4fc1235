import type { RoomRow } from "./rooms.ts";

/** The fields of a room that change, and that only its present members may see. */
type LeftView = Pick<RoomRow, "name" | "avatar" | "notice" | "owner_uid" | "mute_all" | "history" | "member_count">;

/** JSON text of the room for somebody who leaves it now. */
export function leftViewOf({ name, avatar, notice, owner_uid, mute_all, history, member_count }: RoomRow): string {
  const view: LeftView = { name, avatar, notice, owner_uid, mute_all, history, member_count: member_count - 1 };
  return JSON.stringify(view);
}

/** The room as somebody last saw it; for present members (null) as it is now. */
export function asLeft(room: RoomRow, leftView: string | null): RoomRow {
  if (leftView === null) return room;
  // They left before it was dissolved, if it was: nobody can leave a dissolved room.
  return { ...room, ...(JSON.parse(leftView) as LeftView), dissolved_at: null };
}
