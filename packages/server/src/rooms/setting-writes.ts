import { HALL_ROOM_ID, Push, userStream } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, insertRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { acceptedOf, type Outcome, outcomeOf, sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { ProblemError } from "../lib/problem.ts";
import type { Actor } from "./rooms.ts";

/** What a person has set for themselves in a room. */
export interface OwnSettings {
  readonly pinned: boolean;
  readonly muted: boolean;
}

interface SettingsInput {
  readonly actor: Actor;
  readonly roomId: number;
  readonly changes: Partial<OwnSettings>;
}

interface FoundRoom extends OwnSettings {
  readonly dissolvedAt: number | null;
  readonly leftSeq: number | null;
}

interface Changed {
  readonly uid: number;
  readonly roomId: number;
  readonly settings: OwnSettings;
  /** The changes. */
  readonly changes: Partial<OwnSettings>;
}

const keyOf = (uid: number, roomId: number) => `${uid} ${roomId}`;

/** Changes the settings of many people by set queries; changes are logged as SELF, for each person's other devices. */
export async function changeSettings(
  tx: WriteTransaction,
  inputs: readonly SettingsInput[],
): Promise<Outcome<OwnSettings>[]> {
  const found = await lookUp(tx.db, inputs);
  const after = new Map<string, Changed>();
  const outcomes = inputs.map((input) => outcomeOf(() => changed(input, found, after)));
  sent(
    tx,
    insertRows(tx.db, "room_reads", {
      columns: ["uid", "room_id", "read_seq", "read_no", "read_at", "pinned", "muted"],
      values: [...after.values()].map(({ uid, roomId, settings: { pinned, muted } }) => [
        ...[uid, roomId, 0, 0, tx.now],
        ...[pinned ? 1 : 0, muted ? 1 : 0],
      ]),
      conflict: { key: ["uid", "room_id"], take: ["pinned", "muted"] },
    }),
  );
  const told = acceptedOf(outcomes).filter(({ changes }) => Object.keys(changes).length > 0);
  await append(
    tx,
    told.map(({ uid, roomId, changes }) => ({
      stream: userStream(uid),
      type: Push.SELF,
      data: () => JSON.stringify({ roomId, ...changes }),
    })),
  );
  return outcomes.map((outcome) => (outcome.ok ? { ok: true, value: outcome.value.settings } : outcome));
}

/** Pure except for `after`, which holds the settings after the inputs so far. @throws ProblemError */
function changed(
  { actor: { uid }, roomId, changes }: SettingsInput,
  found: ReadonlyMap<string, FoundRoom>,
  after: Map<string, Changed>,
): Changed {
  const key = keyOf(uid, roomId);
  const room = found.get(key);
  if (!room) throw new ProblemError("not_found");
  if (room.leftSeq !== null) throw new ProblemError("forbidden", "You are no longer in this room");
  if (room.dissolvedAt !== null) throw new ProblemError("room_dissolved");
  const { pinned, muted } = after.get(key)?.settings ?? room;
  const different: Partial<OwnSettings> = {
    ...(changes.pinned !== undefined && changes.pinned !== pinned && { pinned: changes.pinned }),
    ...(changes.muted !== undefined && changes.muted !== muted && { muted: changes.muted }),
  };
  const result = { uid, roomId, settings: { pinned, muted, ...different }, changes: different };
  if (Object.keys(different).length > 0) after.set(key, result);
  return result;
}

/** Rooms that the people who ask are or were in, with their settings. Key: `keyOf`. */
async function lookUp(db: Kysely<Schema>, inputs: readonly SettingsInput[]): Promise<ReadonlyMap<string, FoundRoom>> {
  const rows = await roomRows(
    db,
    inputs.map(({ actor: { uid }, roomId }) => [uid, roomId]),
  );
  return new Map(
    rows
      .filter(({ roomId, role }) => role !== null || roomId === HALL_ROOM_ID)
      .map(({ uid, roomId, pinned, muted, ...room }) => [
        keyOf(uid, roomId),
        { ...room, pinned: pinned === 1, muted: muted === 1 },
      ]),
  );
}

const roomRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ uid: "number", room_id: "number" }, asked).as("asked"))
    .innerJoin("rooms", "rooms.id", "asked.room_id")
    .leftJoin("members", (join) =>
      join
        .onRef("members.room_id", "=", "asked.room_id")
        .onRef("members.uid", "=", "asked.uid")
        .on("members.untold", "=", 0),
    )
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.room_id", "=", "asked.room_id").onRef("room_reads.uid", "=", "asked.uid"),
    )
    .select(["asked.uid", "asked.room_id as roomId", "rooms.dissolved_at as dissolvedAt", "members.role"])
    .select(["members.left_seq as leftSeq", "room_reads.pinned", "room_reads.muted"]),
);
