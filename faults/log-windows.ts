import type { Database } from "bun:sqlite";
import { Ranges } from "./ranges.ts";

/** The newest seq of each stream. */
export type Heads = ReadonlyMap<string, number>;

const MEMBER_CHANGE = 11;
const ROOM = 106;
const JOINED = 1;
/** What everybody reads who is signed in: what is for all, and the hall. */
const FOR_ALL = ["all", "room:1"];

/** What each may read of each stream: by uid, by stream. */
export type Windows = ReadonlyMap<number, ReadonlyMap<string, Ranges>>;

export function headsOf(db: Database): Heads {
  const rows = db.query<{ stream: string; seq: number }, []>(
    "select stream, max(seq) as seq from events group by stream",
  );
  return new Map(rows.all().map(({ stream, seq }) => [stream, seq]));
}

/**
 * Who had to get what, worked out from the log alone: a room from each joining to the leaving after it, both included, to
 * the room's end, or to its newest event. The server's table of members is not asked.
 */
export function windowsOf(db: Database, uids: readonly number[], heads: Heads): Windows {
  const windows = new Map(uids.map((uid) => [uid, new Map<string, Ranges>()]));
  const begun = new Map<string, Map<number, number>>();
  const add = (uid: number, stream: string, [from, to]: readonly [number, number]) => {
    const own = windows.get(uid);
    if (!own || from > to) return;
    if (!own.has(stream)) own.set(stream, new Ranges());
    own.get(stream)?.addRun(from, to);
  };
  for (const uid of uids) {
    for (const stream of [...FOR_ALL, `user:${uid}`]) add(uid, stream, [1, heads.get(stream) ?? 0]);
  }
  const rows = db.query<{ stream: string; seq: number; type: number; data: string }, []>(
    `select stream, seq, type, data from events
     where type in (${MEMBER_CHANGE}, ${ROOM}) and stream like 'room:%' order by pos`,
  );
  for (const { stream, seq, type, data } of rows.iterate()) {
    const inside = begun.get(stream) ?? new Map<number, number>();
    begun.set(stream, inside);
    const said = JSON.parse(data) as { uid: number; uids?: number[]; changeType?: number; dissolved?: boolean };
    if (type === ROOM) {
      if (said.dissolved !== true) continue;
      for (const [uid, from] of inside) add(uid, stream, [from, seq]);
      inside.clear();
      continue;
    }
    for (const uid of said.uids ?? [said.uid]) {
      const from = inside.get(uid);
      if (said.changeType === JOINED) inside.set(uid, from ?? seq);
      else if (from !== undefined) {
        add(uid, stream, [from, seq]);
        inside.delete(uid);
      }
    }
  }
  for (const [stream, inside] of begun) {
    for (const [uid, from] of inside) add(uid, stream, [from, heads.get(stream) ?? 0]);
  }
  return windows;
}

/** Up to where a cursor goes, by stream: by its seqs, and by the position that stands for all others. */
export function reachOf(db: Database, cursor: string): (stream: string) => number {
  const entries = cursor
    .slice(cursor.indexOf(";") + 1)
    .split(",")
    .filter(Boolean);
  const seqs = new Map(entries.map((entry) => entry.split("@") as [string, string]));
  const floor = Number(seqs.get("*") ?? 0);
  const rows = db.query<{ stream: string; seq: number }, [number]>(
    "select stream, max(seq) as seq from events where pos <= ? group by stream",
  );
  const heads = new Map(rows.all(floor).map(({ stream, seq }) => [stream, seq]));
  return (stream) => Math.max(Number(seqs.get(stream) ?? 0), heads.get(stream) ?? 0);
}

/** What a reader had to get after a cursor. */
export function expectedAfter(
  windows: ReadonlyMap<string, Ranges>,
  reach: (stream: string) => number,
): Map<string, Ranges> {
  const expected = new Map<string, Ranges>();
  for (const [stream, ranges] of windows) {
    const had = new Ranges([[1, reach(stream)]]);
    expected.set(stream, new Ranges(ranges.without(had)));
  }
  return expected;
}
