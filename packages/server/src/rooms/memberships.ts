import { type Cursor, roomOfStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { type Given, preparedBy } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { inChunks } from "../lib/in-chunks.ts";
import { nextTurn } from "../lib/interval.ts";

/** A person whose memberships are read: the present ones, and past ones that ended after a position or whose rooms a cursor names. */
export interface MembershipsAsked {
  readonly uid: number;
  readonly endedAfter: number;
  readonly cursors: readonly Cursor[];
}

/** Reading more than this at once would delay everybody else. */
const ROWS_MAX = 2000;
/** People whose memberships are read by one statement: few of them have more than that number of rows together. */
const READ_TOGETHER = 64;

/**
 * Memberships of many people, each with its window, the state of the room's stream and the unread count: what a reader needs to start. One
 * statement for 64 of them, unless they have more than 2 000 memberships: then halves of them are read one after another, and those of one
 * person in pages, with a turn for everybody else in between.
 * @param asked each person once
 */
export async function membershipsOf(
  db: Kysely<Schema>,
  asked: readonly MembershipsAsked[],
): Promise<ReadonlyMap<number, MembershipRow[]>> {
  const all = new Map<number, MembershipRow[]>();
  await inChunks(asked, READ_TOGETHER, async (chunk) => {
    for (const [uid, rows] of await membershipsTogether(db, chunk)) all.set(uid, rows);
  });
  return all;
}

async function membershipsTogether(
  db: Kysely<Schema>,
  asked: readonly MembershipsAsked[],
): Promise<Map<number, MembershipRow[]>> {
  if (asked.length === 1) return byUid(asked, await inPages(db, asked));
  const rows = await membershipRows(db, { ...asRows(asked), limit: ROWS_MAX + 1 });
  if (rows.length <= ROWS_MAX) return byUid(asked, rows);
  await nextTurn();
  const half = asked.length >> 1;
  const first = await membershipsTogether(db, asked.slice(0, half));
  await nextTurn();
  return new Map([...first, ...(await membershipsTogether(db, asked.slice(half)))]);
}

async function inPages(db: Kysely<Schema>, asked: readonly MembershipsAsked[]): Promise<MembershipRow[]> {
  const all: MembershipRow[] = [];
  for (;;) {
    const page = await pageOfRows(db, { ...asRows(asked), after: all.at(-1)?.roomId ?? 0, limit: ROWS_MAX });
    all.push(...page);
    if (page.length < ROWS_MAX) return all;
    await nextTurn();
  }
}

function byUid(asked: readonly MembershipsAsked[], rows: readonly MembershipRow[]): Map<number, MembershipRow[]> {
  const lists = new Map(asked.map(({ uid }) => [uid, [] as MembershipRow[]]));
  for (const row of rows) lists.get(row.uid)?.push(row);
  return lists;
}

function asRows(asked: readonly MembershipsAsked[]) {
  const named = asked.flatMap(({ uid, cursors }) =>
    cursors.flatMap(({ streams }) => [...streams.keys()].map((stream) => [uid, roomOfStream(stream) ?? null])),
  );
  return { asked: asked.map(({ uid, endedAfter }) => [uid, endedAfter]), named };
}

const rowsOf = (db: Kysely<Schema>, { asked, named }: { asked: Given; named: Given }) =>
  db
    .selectFrom(boundRows({ uid: "number", ended_after: "number" }, asked).as("asked"))
    .innerJoin("members", "members.uid", "asked.uid")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .leftJoin("room_reads", (join) =>
      join.onRef("room_reads.uid", "=", "members.uid").onRef("room_reads.room_id", "=", "members.room_id"),
    )
    .leftJoin("streams", (join) => join.on("streams.stream", "=", sql<string>`'room:' || members.room_id`))
    .select([
      "members.uid",
      "members.room_id as roomId",
      "streams.seq",
      "streams.pos",
      "streams.first_seq as firstSeq",
      "streams.trimmed_pos as trimmedPos",
      "members.joined_seq as joinedSeq",
      "members.joined_pos as joinedPos",
      "members.left_seq as leftSeq",
      "members.left_pos as leftPos",
      "members.before_seq as beforeSeq",
      "members.before_pos as beforePos",
      "rooms.dissolved_seq as dissolvedSeq",
      "rooms.type",
      "rooms.member_count as memberCount",
      "rooms.last_message_id as lastMessageId",
      "rooms.no",
      "room_reads.read_no as readNo",
    ])
    .where("members.untold", "=", 0)
    .where((eb) =>
      eb.or([
        eb.and([eb("members.left_seq", "is", null), eb("rooms.dissolved_seq", "is", null)]),
        // Nothing is logged in a dissolved room, so its head is its end.
        eb(eb.fn.coalesce("members.left_pos", "streams.pos"), ">", eb.ref("asked.ended_after")),
        sql<boolean>`(members.uid, members.room_id) in ${boundRows({ uid: "number", room_id: "number" }, named)}`,
      ]),
    );

const membershipRows = preparedBy(["asked", "named", "limit"], (db, { limit, ...given }) =>
  rowsOf(db, given).limit(sql<number>`${limit}`),
);

const pageOfRows = preparedBy(["asked", "named", "after", "limit"], (db, { after, limit, ...given }) =>
  rowsOf(db, given)
    .where("members.room_id", ">", sql<number>`${after}`)
    .orderBy("members.room_id")
    .limit(sql<number>`${limit}`),
);

export type MembershipRow = Awaited<ReturnType<typeof membershipRows>>[number];
