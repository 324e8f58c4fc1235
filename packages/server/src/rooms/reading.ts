import { HALL_ROOM_ID } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";
import { asLeft } from "./left-view.ts";
import { checkHallOpen, checkWasMember } from "./rights.ts";
import { type Actor, findRoom, type Role, type RoomRow } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

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
  /** The room as the reader may see it: if they have left, as it was then. */
  readonly room: RoomRow;
  /** Null for people who have left and for anonymous readers. */
  readonly role: Role | null;
  /** Undefined: its name only, as anonymous readers see a hall that is not public. */
  readonly window: Window | undefined;
}

/** The part of the context that decides who may read: the configuration of the hall. */
type HallContext = Pick<RoomsContext, "hall">;

/** A request to read; without an actor: an anonymous reader. */
interface Asked {
  readonly roomId: number;
  readonly actor: Actor | undefined;
}

/** A room as somebody may see it. @throws ProblemError `not_found`; `unauthorized` for anonymous readers */
export async function readableRoom(
  { hall }: HallContext,
  db: Kysely<Schema>,
  { roomId, actor }: Asked,
): Promise<ReadableRoom> {
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

/** The window of a room's messages that somebody may read. */
export async function readableWindow(context: HallContext, db: Kysely<Schema>, asked: Asked): Promise<Window> {
  const { window } = await readableRoom(context, db, asked);
  if (!window) throw new ProblemError("unauthorized");
  return window;
}

/** Whether somebody may read a message; administrators of the server are not exempt. */
export async function maySeeMessage(
  context: HallContext,
  db: Kysely<Schema>,
  { roomId, seq, actor }: Asked & { seq: number },
): Promise<boolean> {
  if (!actor && roomId !== HALL_ROOM_ID) return false;
  try {
    return isReadable(await readableWindow(context, db, { roomId, actor }), seq);
  } catch (error) {
    if (error instanceof ProblemError) return false;
    throw error;
  }
}
