import { ALL_STREAM, HALL_ROOM_ID, roomOfStream, roomStream, userStream } from "@parley/protocol";
import { type Kysely, sql } from "kysely";
import { inList } from "../db/dialect.ts";
import { preparedBy } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";
import { EMPTY, type StreamState, streamStates } from "../event-log/log-reader.ts";
import { NOWHERE } from "../event-log/place.ts";
import { FROM_FIRST_EVENT, type StreamWindow, type WindowsAsked } from "../event-log/read-window.ts";
import type { HallRules } from "./rooms.ts";

/**
 * Everything that somebody may read, with the states of the streams: asked once by each reader that connects or polls. Two statements,
 * also for somebody in thousands of rooms. Of past memberships only those that ended where the reader has not been.
 */
export async function windowsOf(
  db: Kysely<Schema>,
  { uid, cursor, endedAfter }: WindowsAsked,
  hall: HallRules,
): Promise<StreamWindow[]> {
  if (uid === undefined) return hall.access === "public" ? unjoinedStreams(db, [roomStream(HALL_ROOM_ID)]) : [];
  const hallStreams = hall.access === "off" ? [] : [roomStream(HALL_ROOM_ID)];
  const named = [...cursor.streams.keys()].flatMap((stream) => roomOfStream(stream) ?? []);
  const rows = await membershipsOf(db, { uid, endedAfter, named });
  return [...(await unjoinedStreams(db, [userStream(uid), ALL_STREAM, ...hallStreams])), ...rows.map(toStreamWindow)];
}

const membershipsOf = preparedBy(["uid", "endedAfter", "named"], (db, { uid, endedAfter, named }) =>
  db
    .selectFrom("members")
    .innerJoin("rooms", "rooms.id", "members.room_id")
    .leftJoin("streams", (join) => join.on("streams.stream", "=", sql<string>`'room:' || members.room_id`))
    .select([
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
    ])
    .where("members.uid", "=", sql<number>`${uid}`)
    .where((eb) =>
      eb.or([
        eb.and([eb("members.left_seq", "is", null), eb("rooms.dissolved_seq", "is", null)]),
        // Nothing is logged in a room that was dissolved, so its head is its end.
        eb(eb.fn.coalesce("members.left_pos", "streams.pos"), ">", sql<number>`${endedAfter}`),
        eb("members.room_id", "in", inList<number>(named)),
      ]),
    ),
);

type MembershipRow = Awaited<ReturnType<typeof membershipsOf>>[number];

function toStreamWindow(row: MembershipRow): StreamWindow {
  const { head, firstSeq, trimmedPos } = stateOf(row);
  const end = row.dissolvedSeq === null ? null : { seq: row.dissolvedSeq, pos: head.pos };
  return {
    stream: roomStream(row.roomId),
    joined: { seq: row.joinedSeq, pos: row.joinedPos },
    left: row.leftSeq === null ? end : { seq: row.leftSeq, pos: row.leftPos ?? head.pos },
    before: { seq: row.beforeSeq, pos: row.beforePos },
    head,
    firstSeq,
    trimmedPos,
  };
}

function stateOf({ seq, pos, firstSeq, trimmedPos }: MembershipRow): StreamState {
  if (seq === null || pos === null || firstSeq === null || trimmedPos === null) return EMPTY;
  return { head: { seq, pos }, firstSeq, trimmedPos };
}

/** Streams that nobody joins or leaves. */
async function unjoinedStreams(db: Kysely<Schema>, streams: readonly string[]): Promise<StreamWindow[]> {
  const states = await streamStates(db, streams);
  const window = { joined: FROM_FIRST_EVENT, left: null, before: NOWHERE };
  return streams.map((stream) => ({ stream, ...window, ...(states.get(stream) ?? EMPTY) }));
}
