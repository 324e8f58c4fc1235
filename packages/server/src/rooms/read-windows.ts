import { ALL_STREAM, type Cursor, HALL_ROOM_ID, roomStream, userStream } from "@parley/protocol";
import { EMPTY, NOWHERE, type StreamState } from "../event-log/log-reader.ts";
import { FROM_FIRST_EVENT, type StreamWindow } from "../event-log/read-window.ts";
import type { MembershipRow } from "./memberships.ts";
import type { HallRules } from "./rooms.ts";

/** The streams that somebody reads without having joined them. An anonymous reader has a public hall. */
export function unjoinedStreams(uid: number | undefined, hall: HallRules): string[] {
  if (uid === undefined) return hall.access === "public" ? [roomStream(HALL_ROOM_ID)] : [];
  const own = [userStream(uid), ALL_STREAM];
  return hall.access === "off" ? own : [...own, roomStream(HALL_ROOM_ID)];
}

/** The window of a stream that nobody joins or leaves: all of it. */
export function wholeWindow(stream: string, state: StreamState = EMPTY): StreamWindow {
  const { head, firstSeq, trimmedPos } = state;
  return { stream, joined: FROM_FIRST_EVENT, left: null, leftBefore: NOWHERE, head, firstSeq, trimmedPos };
}

/** Whether a reader needs the window: it is open, or it ended where they have not been, or they name its stream. */
export function isAskedFor(row: MembershipRow, endedAfter: number, { streams }: Cursor): boolean {
  if (row.leftSeq === null && row.dissolvedSeq === null) return true;
  return (row.leftPos ?? row.pos ?? 0) > endedAfter || streams.has(roomStream(row.roomId));
}

/** What a membership lets its user read. */
export function membershipWindow(row: MembershipRow): StreamWindow {
  const { head, firstSeq, trimmedPos } = stateOf(row);
  const end = row.dissolvedSeq === null ? null : { seq: row.dissolvedSeq, pos: head.pos };
  return {
    stream: roomStream(row.roomId),
    joined: { seq: row.joinedSeq, pos: row.joinedPos },
    left: row.leftSeq === null ? end : { seq: row.leftSeq, pos: row.leftPos ?? head.pos },
    leftBefore: { seq: row.beforeSeq, pos: row.beforePos },
    head,
    firstSeq,
    trimmedPos,
  };
}

function stateOf({ seq, pos, firstSeq, trimmedPos }: MembershipRow): StreamState {
  if (seq === null || pos === null || firstSeq === null || trimmedPos === null) return EMPTY;
  return { head: { seq, pos }, firstSeq, trimmedPos };
}
