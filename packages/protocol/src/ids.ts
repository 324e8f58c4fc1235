import { z } from "zod";

const WANTED = "must be a whole number from 1";

/**
 * Ids are JSON numbers between 1 and 2^53 - 1, so that every language's double holds them exactly. They are branded at
 * compile time only: a `Uid` cannot be passed where a `RoomId` is wanted.
 */
export const idSchema = z.int(WANTED).min(1, WANTED);

/** An id that arrives as text in a path or query: in decimal digits, as JSON would write it. */
export const idParamSchema = z
  .string()
  .refine((text) => /^[1-9]\d{0,15}$/.test(text) && Number.isSafeInteger(Number(text)), WANTED)
  .transform(Number);

/** Sends the server's own notices. Never signs in. */
export const SYSTEM_UID = 1;
/** The uid of the first person. */
export const FIRST_UID = 20_000;
/** The room of everybody. */
export const HALL_ROOM_ID = 1;

/** Name of a stream on the wire: `room:<id>`, `user:<uid>` or `all`. */
export type StreamName = `room:${number}` | `user:${number}` | "all";

export const ALL_STREAM: StreamName = "all";

export function roomStream(roomId: number): StreamName {
  return `room:${roomId}`;
}

export function userStream(uid: number): StreamName {
  return `user:${uid}`;
}

/** The room's id if this is a room's stream, else undefined. */
export function roomOfStream(stream: string): number | undefined {
  return stream.startsWith("room:") ? Number(stream.slice(5)) : undefined;
}

/** The user's id if this is a user's stream, else undefined. */
export function userOfStream(stream: string): number | undefined {
  return stream.startsWith("user:") ? Number(stream.slice(5)) : undefined;
}
