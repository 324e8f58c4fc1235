import type { Database } from "bun:sqlite";

const MEMBER_CHANGE = 11;
const ROOM = 106;
const JOINED = 1;

/** An event of a room, by its number there and its place in the whole log. */
export interface Place {
  readonly seq: number;
  readonly pos: number;
}

/** One membership of one person in one room, as the log tells it. */
export interface Membership {
  readonly joined: Place;
  /** The leaving, or the end of the room; undefined if the person is still in. */
  left?: Place;
  /** Where the room's history begins for this person: at the joining if the room hid what was earlier, otherwise at 1. */
  readonly historyFrom: number;
}

/** By stream: the memberships of one person, in the order of the log. */
export type Memberships = ReadonlyMap<string, readonly Membership[]>;

interface Said {
  readonly uid: number;
  readonly uids?: readonly number[];
  readonly changeType?: number;
  readonly dissolved?: boolean;
  readonly history?: string;
}

/** By uid: all memberships, read from the events alone. The server's table of members is not asked. */
export function membershipsOf(db: Database, uids: readonly number[]): ReadonlyMap<number, Memberships> {
  const memberships = new Map(uids.map((uid) => [uid, new Map<string, Membership[]>()]));
  const hiding = new Set<string>();
  const present = new Map<string, Map<number, Membership>>();
  const rows = db.query<{ stream: string; seq: number; pos: number; type: number; data: string }, []>(
    `select stream, seq, pos, type, data from events
     where type in (${MEMBER_CHANGE}, ${ROOM}) and stream like 'room:%' order by pos`,
  );
  for (const { stream, seq, pos, type, data } of rows.iterate()) {
    const inside = present.get(stream) ?? new Map<number, Membership>();
    present.set(stream, inside);
    const said = JSON.parse(data) as Said;
    if (type === ROOM) {
      if (said.history === "joined") hiding.add(stream);
      else if (said.history === "all") hiding.delete(stream);
      if (said.dissolved !== true) continue;
      for (const membership of inside.values()) membership.left = { seq, pos };
      inside.clear();
      continue;
    }
    for (const uid of said.uids ?? [said.uid]) {
      const membership = inside.get(uid);
      if (said.changeType !== JOINED) {
        if (membership) membership.left = { seq, pos };
        inside.delete(uid);
      } else if (!membership) {
        const begun: Membership = { joined: { seq, pos }, historyFrom: hiding.has(stream) ? seq : 1 };
        inside.set(uid, begun);
        const own = memberships.get(uid);
        const earlier = own?.get(stream);
        if (earlier) earlier.push(begun);
        else own?.set(stream, [begun]);
      }
    }
  }
  return memberships;
}

/** The last event of a room that is meant for this person, when the room's newest one was `head`. */
export function lastFor(memberships: Memberships, stream: string, head: number): number {
  const newest = memberships.get(stream)?.findLast(({ joined }) => joined.seq <= head);
  return Math.min(head, newest?.left?.seq ?? head);
}
