import { HALL_ROOM_ID, type Ref } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { readTexts } from "../event-log/snapshot.ts";
import type { ServerKey } from "../http/server-key.ts";
import { noSuch } from "../identity/no-such.ts";
import { ProblemError } from "../lib/problem.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import { type HistoryQuery, historyPage } from "../messages/history.ts";
import { roomsByRef } from "../rooms/external-rooms.ts";
import * as members from "../rooms/managed-members-writes.ts";
import * as managed from "../rooms/managed-rooms-writes.ts";
import type { RoomChanges } from "../rooms/room-writes.ts";
import type { RoomRow } from "../rooms/rooms.ts";
import type { ServerContext } from "./server-context.ts";

/** What the product's backend does with rooms: its own, and everybody's by an id of ours. */

export interface ProductRoom {
  readonly id: number;
  /** Null for rooms that people have made. */
  readonly externalId: string | null;
  readonly type: 1 | 2;
  readonly name: string;
  readonly avatar: string;
  readonly notice: string;
  readonly history: "all" | "joined";
  readonly muteAll: boolean;
  readonly ownerId: number | null;
  readonly memberCount: number;
  readonly seq: number;
  readonly createdAt: number;
  readonly dissolvedAt: number | null;
}

/** @throws ProblemError `not_found` */
export async function getRoom(context: ServerContext, _key: ServerKey, ref: Ref): Promise<ProductRoom> {
  const { db, hallCount, clock } = context;
  const room = await roomThere(context, db, ref);
  return {
    id: room.id,
    externalId: room.external_id,
    type: room.type,
    name: room.name,
    avatar: room.avatar,
    notice: room.notice,
    history: room.history,
    muteAll: room.mute_all === 1,
    ownerId: room.owner_uid,
    memberCount: room.id === HALL_ROOM_ID ? await hallCount.read(db, clock.now()) : room.member_count,
    seq: room.seq,
    createdAt: room.created_at,
    dissolvedAt: room.dissolved_at,
  };
}

/**
 * Makes the managed room with this external id, or changes what is given of it; by an id of ours it changes any room.
 * @throws ProblemError `not_found`, `room_dissolved`, `direct_fixed`
 */
export async function putRoom(
  context: ServerContext,
  key: ServerKey,
  { ref, changes }: { ref: Ref; changes: RoomChanges },
): Promise<{ room: ProductRoom; created: boolean }> {
  checkHall(context, ref);
  const { roomId, created } = await context.writes.run(managed.putRoom, { by: turnOf(key), ref, changes });
  return { room: await getRoom(context, key, roomId), created };
}

/** Dissolves a room. One that is not there is gone already. @throws ProblemError `hall_fixed`, `direct_fixed` */
export function deleteRoom({ writes }: ServerContext, key: ServerKey, ref: Ref): Promise<void> {
  return writes.run(managed.endRoomOfProduct, { by: turnOf(key), ref });
}

/** Brings people in and takes others out. @throws ProblemError as `changeMembers` of the procedures does */
export function changeMembers(
  { writes }: ServerContext,
  key: ServerKey,
  change: { ref: Ref; add: readonly Ref[]; remove: readonly Ref[]; skipUnknown: boolean },
): Promise<members.MembersChanged> {
  return writes.run(members.changeMembers, { by: turnOf(key), ...change });
}

/** A page of a room's history, from its beginning on, as JSON text. @throws ProblemError `not_found`, `invalid` */
export function listMessages(
  context: ServerContext,
  _key: ServerKey,
  { ref, ...query }: HistoryQuery & { ref: Ref },
): Promise<string> {
  return readTexts(context, async ({ db, asOf, shows }) => {
    const { id } = await roomThere(context, db, ref);
    const window = { fromSeq: 0, leftSeq: null };
    const page = await historyPage(db, { id, window, actor: undefined, kinds: context.kinds, shows }, query);
    const rest = JSON.stringify({ nextCursor: page.nextCursor, asOf });
    return `{"items":[${page.texts.join(",")}],${rest.slice(1)}`;
  });
}

async function roomThere(context: Pick<ServerContext, "hall">, db: Kysely<Schema>, ref: Ref): Promise<RoomRow> {
  checkHall(context, ref);
  const room = (await roomsByRef(db, [ref])).get(ref);
  if (!room) throw noSuch("room", ref);
  return room;
}

/** A hall that is switched off is not there. */
function checkHall({ hall }: Pick<ServerContext, "hall">, ref: Ref): void {
  if (ref === HALL_ROOM_ID && hall.access === "off") throw new ProblemError("not_found");
}
