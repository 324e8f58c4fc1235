/** Name of a stream on the wire: `room:<id>`, `user:<uid>` or `all`. */
export type StreamName = `room:${number}` | `user:${number}` | "all";

export const ALL_STREAM: StreamName = "all";

/** The room of everybody. */
export const HALL_ROOM_ID = 1;

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
