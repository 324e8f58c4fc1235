import { HALL_ROOM_ID } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";
import { asLeft } from "./left-view.ts";
import { checkHallOpen, checkWasMember } from "./rights.ts";
import { type Actor, findRoom, type HallRules, type Role, type RoomRow } from "./rooms.ts";

/** The range of seqs in a room's stream that a reader may read over HTTP, both ends included. */
export interface Window {
  readonly fromSeq: number;
  /** Null: everything to the end. */
  readonly leftSeq: number | null;
}

/** Pure. */
export function isReadable({ fromSeq, leftSeq }: Window, seq: number): boolean {
  return seq >= fromSeq && (leftSeq === null || seq <= leftSeq);
}

export interface ReadableRoom {
  /** As the reader may see it: if they have left, as it was then. */
  readonly room: RoomRow;
  /** Null for people who have left and for anonymous readers. */
  readonly role: Role | null;
  /** Undefined: its name only, as anonymous readers see a hall that is not public. */
  readonly window: Window | undefined;
}

/** The user who asks, and what the configuration says about the hall. */
export interface Reader {
  /** Undefined: anonymous. */
  readonly actor: Actor | undefined;
  readonly hall: HallRules;
}

/** A room as someone may see it. @throws ProblemError `not_found`; `unauthorized` for anonymous readers */
export async function readableRoom(db: Kysely<Schema>, roomId: number, { actor, hall }: Reader): Promise<ReadableRoom> {
  checkHallOpen(roomId, hall, actor);
  const found = await findRoom(db, roomId, actor);
  if (found && !actor) {
    const window = hall.access === "public" ? { fromSeq: 1, leftSeq: null } : undefined;
    return { room: found.room, role: null, window };
  }
  checkWasMember(found);
  const { room, membership } = found;
  const { fromSeq, leftSeq, leftView } = membership;
  const window = { fromSeq, leftSeq: leftSeq ?? room.dissolved_seq };
  return { room: asLeft(room, leftView), role: leftSeq === null ? membership.role : null, window };
}

/** The window of a room whose messages someone may read. */
export async function readableWindow(db: Kysely<Schema>, roomId: number, reader: Reader): Promise<Window> {
  const { window } = await readableRoom(db, roomId, reader);
  if (!window) throw new ProblemError("unauthorized");
  return window;
}

/** Whether a message is one that someone may read; administrators of the server are not exempt. */
export async function maySeeMessage(
  db: Kysely<Schema>,
  message: { roomId: number; seq: number },
  reader: Reader,
): Promise<boolean> {
  if (!reader.actor && message.roomId !== HALL_ROOM_ID) return false;
  try {
    return isReadable(await readableWindow(db, message.roomId, reader), message.seq);
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}
