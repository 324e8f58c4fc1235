import { HALL_ROOM_ID, roomStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import type { Actor } from "../rooms/rooms.ts";

/** Somebody has read a room up to a seq. */
export interface MarkRead {
  readonly actor: Actor;
  readonly roomId: number;
  readonly seq: number;
  /** Whether SELF is logged at once. */
  readonly tell: boolean;
}

/** A room, and how far one of its present or past members has read it. */
interface RoomProgress {
  /** Head of the room's stream. */
  readonly seq: number;
  /** The number of its newest message that makes a red dot. */
  readonly no: number;
  readonly leftSeq: number | null;
  readonly read: { readonly readSeq: number; readonly readNo: number };
}

/** What a batch of marks has to know; one query reads each kind of it. */
export interface MarkLookups {
  /** Has an entry for each user who is or was in the room. Key: `placeKey`. */
  readonly progress: ReadonlyMap<string, RoomProgress>;
  /** How many messages that make a dot stand at or before a seq that may be marked. Key: `seqKey`. */
  readonly numbers: ReadonlyMap<string, number>;
}

export function placeKey(roomId: number, uid: number): string {
  return `${roomId} ${uid}`;
}

export function seqKey(roomId: number, seq: number): string {
  return `${roomId} ${seq}`;
}

export async function lookUp(db: Kysely<Schema>, inputs: readonly MarkRead[]): Promise<MarkLookups> {
  const progress = await progressOf(db, inputs);
  return { progress, numbers: await numbersOf(db, inputs, progress) };
}

async function progressOf(db: Kysely<Schema>, inputs: readonly MarkRead[]): Promise<MarkLookups["progress"]> {
  const asked = new Map(
    inputs.map(({ roomId, actor: { uid } }) => [placeKey(roomId, uid), [roomId, uid, roomStream(roomId)]] as const),
  );
  const rows = await progressRows(db, [...asked.values()]);
  const progress = new Map<string, RoomProgress>();
  for (const { roomId, uid, no, seq, fromSeq, leftSeq, readSeq, readNo } of rows) {
    if (roomId !== HALL_ROOM_ID && fromSeq === null) continue;
    const read = { readSeq: readSeq ?? 0, readNo: readNo ?? 0 };
    progress.set(placeKey(roomId, uid), { seq: seq ?? 0, no, leftSeq, read });
  }
  return progress;
}

const progressRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ room_id: "number", uid: "number", stream: "text" }, asked).as("asked"))
    .innerJoin("rooms", "rooms.id", "asked.room_id")
    .leftJoin("streams", "streams.stream", "asked.stream")
    .leftJoin("members", (join) =>
      join
        .onRef("members.room_id", "=", "asked.room_id")
        .onRef("members.uid", "=", "asked.uid")
        .on("members.untold", "=", 0),
    )
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.room_id", "=", "asked.room_id").onRef("room_reads.uid", "=", "asked.uid"),
    )
    .select(["asked.room_id as roomId", "asked.uid", "rooms.no", "streams.seq", "members.from_seq as fromSeq"])
    .select(["members.left_seq as leftSeq", "room_reads.read_seq as readSeq", "room_reads.read_no as readNo"]),
);

async function numbersOf(
  db: Kysely<Schema>,
  inputs: readonly MarkRead[],
  progress: MarkLookups["progress"],
): Promise<MarkLookups["numbers"]> {
  const asked = new Map<string, [number, number]>();
  for (const { roomId, seq, actor } of inputs) {
    const found = progress.get(placeKey(roomId, actor.uid));
    if (!found) continue;
    const target = Math.min(seq, found.seq);
    asked.set(seqKey(roomId, target), [roomId, target]);
  }
  const rows = await numberRows(db, [...asked.values()]);
  return new Map(rows.map(({ roomId, seq, no }) => [seqKey(roomId, seq), no ?? 0]));
}

const numberRows = prepared((db, asked) =>
  db.selectFrom(boundRows({ room_id: "number", seq: "number" }, asked).as("asked")).select((eb) => [
    "asked.room_id as roomId",
    "asked.seq",
    eb
      .selectFrom("messages")
      .select("messages.no")
      .whereRef("messages.room_id", "=", "asked.room_id")
      // The index has these only.
      .where("messages.sender_only", "=", sql.lit(0))
      .whereRef("messages.seq", "<=", "asked.seq")
      .where("messages.no", "is not", null)
      .orderBy("messages.seq", "desc")
      .limit(1)
      .as("no"),
  ]),
);
