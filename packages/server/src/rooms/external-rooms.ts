import { type Ref, roomOfStream, roomStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { numberList, textList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { ROOM_COLUMNS, type RoomRow } from "./rooms.ts";

/**
 * The existing ones of these rooms, by the product's references: its managed rooms by their external ids, all others by our ids. At
 * most three queries, whatever their number.
 */
export async function roomsByRef(db: Kysely<Schema>, refs: readonly Ref[]): Promise<Map<Ref, RoomRow>> {
  const externalIds = refs.filter((ref) => typeof ref === "string");
  const ids = refs.filter((ref) => typeof ref === "number");
  const managed = externalIds.length === 0 ? [] : await withExternalIds(db, externalIds);
  const others = ids.length === 0 ? [] : await withIds(db, ids);
  const heads = await headsOf(
    db,
    [...managed, ...others].map(({ id }) => id),
  );
  const asRow = (row: (typeof others)[number]): RoomRow => ({ ...row, seq: heads.get(row.id) ?? 0 });
  return new Map<Ref, RoomRow>([
    ...managed.map((row): [Ref, RoomRow] => [row.external_id as string, asRow(row)]),
    ...others.map((row): [Ref, RoomRow] => [row.id, asRow(row)]),
  ]);
}

const withExternalIds = prepared((db, ids) =>
  db.selectFrom("rooms").select(ROOM_COLUMNS).where("external_id", "in", textList(ids)),
);
const withIds = prepared((db, ids) => db.selectFrom("rooms").select(ROOM_COLUMNS).where("id", "in", numberList(ids)));

async function headsOf(db: Kysely<Schema>, roomIds: readonly number[]): Promise<Map<number, number>> {
  if (roomIds.length === 0) return new Map();
  const rows = await streamHeads(
    db,
    roomIds.map((id) => roomStream(id) as string),
  );
  return new Map(rows.map(({ stream, seq }) => [roomOfStream(stream) as number, seq]));
}

const streamHeads = prepared((db, names) =>
  db.selectFrom("streams").select(["stream", "seq"]).where("stream", "in", textList(names)),
);
