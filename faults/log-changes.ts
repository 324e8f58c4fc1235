import type { Database } from "bun:sqlite";
import { addTo } from "./grouped.ts";
import type { Problems } from "./problems.ts";

const [RECALL, MEMBER_CHANGE, ROOM, MEMBER_UPDATE] = [9, 11, 106, 112];
const JOINED = 1;

/** The names of the things that a command can change. */
export const keyOf = {
  member: (room: number, uid: number) => `member ${uid} of room ${room}`,
  role: (room: number, uid: number) => `role of ${uid} in room ${room}`,
  room: (room: number, what: "name" | "history" | "dissolved") => `${what} of room ${room}`,
  recall: (room: number, message: number) => `recall of ${message} in room ${room}`,
  mark: (uid: number, message: number) => `mark of ${uid} on ${message}`,
  ban: (uid: number) => `ban of ${uid}`,
  request: (from: number, to: number) => `request of ${from} to ${to}`,
  friendship: (one: number, other: number) => `friendship of ${Math.min(one, other)} and ${Math.max(one, other)}`,
  remark: (uid: number, friend: number) => `remark of ${uid} on ${friend}`,
  notice: (id: number) => `notification ${id}`,
  seen: (uid: number) => `seen by ${uid}`,
  read: (uid: number) => `read by ${uid}`,
  archived: (uid: number, id: number) => `archived by ${uid}: ${id}`,
  custom: (ref: string) => `custom event ${ref}`,
};

/** Something took this value at this place in the log. */
export interface Change {
  readonly pos: number;
  /** Undefined if it is not about a room. */
  readonly room: number | undefined;
  readonly value: string;
  /** It has a separate event; a role also follows from joining. */
  readonly isEvent: boolean;
}

interface Said {
  readonly roomId: number;
  readonly uid: number;
  readonly uids?: readonly number[];
  readonly changeType: number;
  readonly seq?: number;
  readonly role: number;
  readonly msgId: number;
  readonly recallUid: number;
  readonly name?: string;
  readonly history?: string;
  readonly dissolved?: boolean;
}

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly data: string;
  readonly recalledBy: number | null;
  readonly body: string | null;
}

/**
 * Everything that commands have changed, by key and in the order of the log, read from the events alone.
 * @param what.rooms rooms that were made in this run: in these, each joining and leaving is copied to the person's stream
 */
export function changesOf(
  db: Database,
  { rooms, problems }: { rooms: ReadonlySet<number>; problems: Problems },
): Map<string, Change[]> {
  const changes = new Map<string, Change[]>();
  const copies = new Set<string>();
  const rows = db.query<Row, []>(
    `select e.pos, e.stream, e.seq, e.type, e.data, m.recalled_by as recalledBy, m.body
     from events e left join messages m on m.id = e.message_id
     where e.type in (${RECALL}, ${MEMBER_CHANGE}, ${ROOM}, ${MEMBER_UPDATE}) order by e.pos`,
  );
  for (const row of rows.iterate()) {
    const { pos, stream, seq, type } = row;
    const said = JSON.parse(row.data) as Said;
    const room = said.roomId;
    if (stream.startsWith("user:")) {
      if (!rooms.has(room)) continue;
      const copy = `${room} ${said.seq} ${said.uid} ${said.changeType}`;
      if (stream !== `user:${said.uid}` || !copies.delete(copy)) {
        problems.add("copy of no change", `${stream} ${seq}: ${row.data}`);
      }
      continue;
    }
    if (stream !== `room:${room}`) problems.add("event of another room", `${stream} ${seq}: ${row.data}`);
    const add = (key: string, value: string, isEvent = true) => addTo(changes, key, { pos, room, value, isEvent });
    if (type === MEMBER_CHANGE) {
      const joined = said.changeType === JOINED;
      for (const uid of said.uids ?? [said.uid]) {
        if (rooms.has(room)) copies.add(`${room} ${seq} ${uid} ${said.changeType}`);
        add(keyOf.member(room, uid), joined ? "in" : "out");
        add(keyOf.role(room, uid), joined ? "3" : "none", false);
      }
    } else if (type === MEMBER_UPDATE) add(keyOf.role(room, said.uid), String(said.role));
    else if (type === RECALL) {
      add(keyOf.recall(room, said.msgId), `by ${said.recallUid}`);
      if (row.recalledBy !== said.recallUid || row.body !== "{}") {
        problems.add("recalled, and still there", `message ${said.msgId}`);
      }
    } else {
      if (said.name !== undefined) add(keyOf.room(room, "name"), said.name);
      if (said.history !== undefined) add(keyOf.room(room, "history"), said.history);
      if (said.dissolved) add(keyOf.room(room, "dissolved"), "true");
    }
  }
  for (const copy of copies) problems.add("change without its copy", copy);
  return changes;
}
