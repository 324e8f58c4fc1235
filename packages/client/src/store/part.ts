import type { PushFrame } from "../reading/push-frame.ts";
import type { Names } from "./names.ts";

/** One kind of thing that the store keeps, in its own file. */
export interface Part {
  /** Takes each event once and in order. An event may be older than what was read; applied again, it leads to the same state. */
  push(push: PushFrame): void;
  /** These people have new names or pictures. USER comes here, and not to `push`. */
  renamed?(names: Names): void;
  /** Events of all streams were missed for good: what was read no longer counts. */
  missed?(): void;
  /** A connection is live again: what failed in the meantime is tried again. */
  live?(): void;
  /** Somebody else has signed in: nothing that was kept is theirs. */
  clear(): void;
}

/** What is kept of each room besides its line in the list. */
export interface PartOfRooms extends Part {
  /** The user has joined the room, perhaps again: what was read of it before no longer counts. */
  entered(roomId: number): void;
  /** The user has left the room. Messages stay. */
  left?(roomId: number): void;
  /** The room is in the list: the server may now show what it refused before. */
  listed(roomId: number): void;
}
