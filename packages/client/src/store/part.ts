import type { PushFrame } from "../reading/push-frame.ts";
import type { Names } from "./names.ts";

/** One kind of what the store keeps, in a file of its own. */
export interface Part {
  /** What has come, each event once and in order. It may be older than what was read, and then says again what is so. */
  push(push: PushFrame): void;
  /** These people have other names or pictures. USER is told here, and not by `push`. */
  renamed?(names: Names): void;
  /** Events were missed for good, of everything: what was read counts no more. */
  missed?(): void;
  /** A connection is live again: what failed meanwhile is tried again. */
  live?(): void;
  /** Somebody else is signed in: nothing that was kept is theirs. */
  clear(): void;
}

/** What is kept of each room beside its line in the list. */
export interface PartOfRooms extends Part {
  /** The user has come into the room, perhaps once more: what was read of it before counts no more. */
  entered(roomId: number): void;
  /** They have left it. Messages stay. */
  left?(roomId: number): void;
  /** The room stands in the list: what the server refused of it before, it may show now. */
  listed(roomId: number): void;
}
