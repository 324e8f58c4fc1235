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
