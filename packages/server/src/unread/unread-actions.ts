/**
 * Red dots: how much is unread, and how far each person has read each room.
 *
 * - Unread is a difference of two counters, `rooms.no` minus the `no` read, so it costs the same for one message and for a
 *   million. A place only moves forward; writing in a room moves it too (`messages/send-store.ts`).
 * - What a person read on one device is told to the others by SELF, at most once a second and room (`self-gate.ts`).
 * - RED_DOT is never sent for a message: the message itself means one more.
 *
 * Asks rooms; must not import the gateway or messages' writing.
 */
import { floorCursor, HALL_ROOM_ID, type RedDot } from "@parley/protocol";
import { sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { hallReadOf } from "../rooms/hall.ts";
import { checkHallOpen } from "../rooms/rights.ts";
import { type Actor, actorOf } from "../rooms/rooms.ts";
import * as procedures from "./read-writes.ts";
import { type ReadPlace, startHall } from "./read-writes.ts";
import type { UnreadContext } from "./unread-context.ts";

/**
 * Everything unread of one user: of rooms that they are in now, rooms with nothing unread left out. Called at each
 * connection and by `GET /unread`; one query, whatever the number of rooms, so that all is of one moment, which `asOf` names.
 */
export async function getUnread(
  { db, epoch, writes, hall }: Pick<UnreadContext, "db" | "epoch" | "writes" | "hall">,
  { uid }: Pick<Actor, "uid">,
): Promise<RedDot & { asOf: string }> {
  const rows = await unreadRows(db, uid);
  const pos = rows.find(({ is }) => is === "end")?.no ?? 0;
  const rooms = rows
    .filter(({ is }) => is === "room")
    .map(({ roomId, no, readNo }) => ({ roomId, unread: no - (readNo ?? 0) }))
    .sort((a, b) => a.roomId - b.roomId);
  const hallRow = rows.find(({ is }) => is === "hall");
  if (hallRow && hall.access !== "off") {
    let { no, readNo } = hallRow;
    if (readNo === null) {
      const { stored, ...place } = await hallReadOf(db, uid);
      readNo = place.readNo;
      // Only spares the next question the look-up, so nobody waits for it and its failure changes nothing.
      if (!stored) writes.run(startHall, { uid, ...place }).catch(() => undefined);
    }
    if (no > readNo) rooms.unshift({ roomId: HALL_ROOM_ID, unread: no - readNo });
  }
  const total = rooms.reduce((sum, { unread }) => sum + unread, 0);
  return { total, rooms, friendRequests: 0, notifications: 0, asOf: floorCursor(epoch, pos) };
}

/** The log's end, the hall, and rooms with something unread. */
const unreadRows = prepared((db, uid) =>
  db
    .selectFrom("log")
    .select([sql<"end" | "hall" | "room">`'end'`.as("is"), sql<number>`0`.as("roomId"), "pos as no"])
    .select(sql<number | null>`null`.as("readNo"))
    .unionAll(
      db
        .selectFrom("rooms")
        .leftJoin("room_reads", (join) =>
          join.onRef("room_reads.room_id", "=", "rooms.id").on("room_reads.uid", "=", sql<number>`${uid}`),
        )
        .select([sql<"end" | "hall" | "room">`'hall'`.as("is"), "rooms.id as roomId", "rooms.no"])
        .select("room_reads.read_no as readNo")
        .where("rooms.id", "=", HALL_ROOM_ID),
    )
    .unionAll(
      db
        .selectFrom("members")
        .innerJoin("rooms", "rooms.id", "members.room_id")
        .innerJoin("room_reads", (join) =>
          join.onRef("room_reads.room_id", "=", "rooms.id").onRef("room_reads.uid", "=", "members.uid"),
        )
        .select([sql<"end" | "hall" | "room">`'room'`.as("is"), "rooms.id as roomId", "rooms.no"])
        .select("room_reads.read_no as readNo")
        .where("members.uid", "=", sql<number>`${uid}`)
        .where("members.left_seq", "is", null)
        .where("rooms.dissolved_at", "is", null)
        .whereRef("rooms.no", ">", "room_reads.read_no"),
    ),
);

/** The actor has read a room up to a seq; their other devices are told as often as the gate lets through. */
export async function markRead(
  { writes, hall, selfGate }: UnreadContext,
  actor: Actor,
  { roomId, seq }: { roomId: number; seq: number },
): Promise<ReadPlace> {
  checkHallOpen(roomId, hall, actor);
  const read = { uid: actor.uid, roomId };
  const tell = selfGate.admit(read);
  let told = false;
  try {
    const { place, moved } = await writes.run(procedures.markRead, { actor: actorOf(actor), roomId, seq, tell });
    told = tell && moved;
    if (moved && !tell) selfGate.markPending(read);
    return place;
  } finally {
    if (tell && !told) selfGate.release(read);
  }
}
