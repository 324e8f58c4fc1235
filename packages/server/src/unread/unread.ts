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
import { HALL_ROOM_ID, type RedDot } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { ReadDatabase } from "../db/open.ts";
import type { Schema } from "../db/schema.ts";
import type { Writes } from "../db/writer.ts";
import type { Clock } from "../lib/clock.ts";
import { hallReadOf } from "../rooms/hall.ts";
import type { Actor, HallRules } from "../rooms/rooms.ts";
import { markRead, type ReadPlace, startHall, tellReads } from "./read-writes.ts";
import { SelfGate } from "./self-gate.ts";

export interface RedDotParts {
  readonly writes: Writes;
  readonly clock: Clock;
  readonly hall: HallRules;
}

/**
 * Everything unread of one user: of rooms he is in now, rooms with nothing unread left out. Called at each connection and
 * by `GET /unread`; three queries, whatever the number of rooms.
 */
export async function redDotOf(
  db: ReadDatabase | Kysely<Schema>,
  uid: number,
  { writes, clock, hall }: RedDotParts,
): Promise<RedDot> {
  const rooms = await unreadRooms(db, uid);
  if (hall.access !== "off") {
    const { no } = await db.selectFrom("rooms").select("no").where("id", "=", HALL_ROOM_ID).executeTakeFirstOrThrow();
    const { readSeq, readNo, stored } = await hallReadOf(db, uid);
    if (no > readNo) rooms.unshift({ roomId: HALL_ROOM_ID, unread: no - readNo });
    if (!stored) {
      // Only spares the next question the look-up, so nobody waits for it and its failure changes nothing.
      writes.run(startHall, { uid, readSeq, readNo, now: clock.now() }).catch(() => undefined);
    }
  }
  const total = rooms.reduce((sum, { unread }) => sum + unread, 0);
  return { total, rooms, friendRequests: 0, notifications: 0 };
}

function unreadRooms(db: Kysely<Schema>, uid: number): Promise<RedDot["rooms"]> {
  return db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .innerJoin("room_reads", (join) =>
      join.onRef("room_reads.room_id", "=", "rooms.id").onRef("room_reads.uid", "=", "members.uid"),
    )
    .select((eb) => ["rooms.id as roomId", eb("rooms.no", "-", eb.ref("room_reads.read_no")).as("unread")])
    .where("members.uid", "=", uid)
    .where("members.left_seq", "is", null)
    .where("rooms.dissolved_at", "is", null)
    .whereRef("rooms.no", ">", "room_reads.read_no")
    .orderBy("rooms.id")
    .execute();
}

/** A gate that logs SELF; `start` and, at the end, `flush({ everything: true })` are the server's. */
export function newSelfGate({ writes, clock }: Pick<RedDotParts, "writes" | "clock">): SelfGate {
  return new SelfGate(clock, (reads) => writes.run(tellReads, { reads, now: clock.now() }));
}

/** Moves a place; the user's other devices are told as often as the gate lets through. */
export async function markReadGently(
  { writes, selfGate }: { writes: Writes; selfGate: SelfGate },
  input: { actor: Actor; roomId: number; seq: number; now: number },
): Promise<ReadPlace> {
  const read = { uid: input.actor.uid, roomId: input.roomId };
  const tell = selfGate.admit(read);
  let told = false;
  try {
    const { place, moved } = await writes.run(markRead, { ...input, tell });
    told = tell && moved;
    if (moved && !tell) selfGate.owe(read);
    return place;
  } finally {
    if (tell && !told) selfGate.release(read);
  }
}
