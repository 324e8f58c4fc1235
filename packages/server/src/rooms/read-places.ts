import type { Kysely } from "kysely";
import { insertRows } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";

/** How far somebody has read a room, from now on. */
export interface NewReadPlace {
  readonly uid: number;
  readonly roomId: number;
  readonly readSeq: number;
  /** How many messages that make a red dot stand at or before `readSeq`. */
  readonly readNo: number;
}

/** Stores places in place of those before; that a place only moves forward is its caller's care. */
export async function storeReadPlaces(db: Kysely<Schema>, places: readonly NewReadPlace[], now: number): Promise<void> {
  await insertRows(db, "room_reads", {
    columns: ["uid", "room_id", "read_seq", "read_no", "read_at"],
    values: places.map(({ uid, roomId, readSeq, readNo }) => [uid, roomId, readSeq, readNo, now]),
    conflict: `on conflict (uid, room_id) do update set read_seq = excluded.read_seq, read_no = excluded.read_no,
      read_at = excluded.read_at`,
  });
}
