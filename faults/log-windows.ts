import type { Memberships } from "./memberships.ts";
import type { Places } from "./places.ts";
import { Ranges } from "./ranges.ts";

/** Streams that every signed-in person reads: the one for everybody, and the hall's. */
const FOR_ALL = ["all", "room:1"];

/** What one person may read, by stream. */
export type Windows = ReadonlyMap<string, Ranges>;

/** Each room from a joining to the leaving after it, both included, or to its newest event; and the streams that need no membership. */
export function windowsOf(uid: number, memberships: Memberships, places: Places): Windows {
  const windows = new Map<string, Ranges>();
  for (const stream of [...FOR_ALL, `user:${uid}`]) {
    const head = places.head(stream);
    if (head > 0) windows.set(stream, new Ranges([[1, head]]));
  }
  for (const [stream, own] of memberships) {
    const runs = own.map(({ joined, left }) => [joined.seq, left?.seq ?? places.head(stream)] as const);
    windows.set(stream, new Ranges(runs));
  }
  return windows;
}

/** The part of the windows that lies behind a cursor. */
export function behind(windows: Windows, reach: (stream: string) => number): Map<string, Ranges> {
  const later = new Map<string, Ranges>();
  for (const [stream, ranges] of windows) {
    later.set(stream, new Ranges(ranges.without(new Ranges([[1, reach(stream)]]))));
  }
  return later;
}
