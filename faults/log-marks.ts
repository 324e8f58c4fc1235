import type { Database } from "bun:sqlite";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import type { Problems } from "./problems.ts";

export const WRONG_COUNT = "marks counted wrong";
const MARK = 8;
const SET = 1;
const NAMES = { 1: "like", 2: "dislike" } as const;
type MarkType = keyof typeof NAMES;

interface Said {
  readonly markList: readonly {
    readonly uid: number;
    readonly msgId: number;
    readonly markType: MarkType;
    readonly markCount: number;
    readonly actType: number;
  }[];
}

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly messageId: number;
  readonly roomId: number | null;
  readonly data: string;
}

/** What the log says about marks. */
export interface MarksLog {
  readonly changes: ReadonlyMap<string, Change[]>;
  /** By `<uid> <message>`, without the marks that were taken away. */
  readonly marks: ReadonlyMap<string, MarkType>;
  /** By message: how many marks it has in the end. */
  readonly counts: ReadonlyMap<number, Readonly<Record<MarkType, number>>>;
}

/** Recounts every mark from the events, in order: each event has to change something and give the resulting number. */
export function marksOf(db: Database, problems: Problems): MarksLog {
  const changes = new Map<string, Change[]>();
  const marks = new Map<string, MarkType>();
  const counts = new Map<number, Record<MarkType, number>>();
  const rows = db.query<Row, []>(
    `select e.pos, e.stream, e.message_id as messageId, m.room_id as roomId, e.data
     from events e left join messages m on m.id = e.message_id where e.type = ${MARK} order by e.pos`,
  );
  for (const { pos, stream, messageId, roomId, data } of rows.iterate()) {
    const { markList } = JSON.parse(data) as Said;
    if (stream !== `room:${roomId}` || markList.some(({ msgId }) => msgId !== messageId)) {
      problems.add("event of another room", `${pos} ${stream}: ${data}`);
    }
    for (const { uid, msgId, markType, markCount, actType } of markList) {
      const own = `${uid} ${msgId}`;
      const before = marks.get(own);
      if (before !== (actType === SET ? undefined : markType)) {
        problems.add("event that changes nothing", `${pos}: ${data}`);
      }
      if (actType === SET) marks.set(own, markType);
      else marks.delete(own);
      const count = counts.get(msgId) ?? { 1: 0, 2: 0 };
      counts.set(msgId, count);
      count[markType] += actType === SET ? 1 : -1;
      if (count[markType] !== markCount) problems.add(WRONG_COUNT, `${pos}: ${markCount} of ${count[markType]}`);
    }
    for (const uid of new Set(markList.map((one) => one.uid))) {
      const mark = marks.get(`${uid} ${messageId}`);
      const value = mark === undefined ? "none" : NAMES[mark];
      addTo(changes, keyOf.mark(uid, messageId), { pos, room: undefined, value, isEvent: true });
    }
  }
  return { changes, marks, counts };
}

/** The rows, the numbers that the messages have, and the log have to agree. */
export function checkMarkRows(db: Database, { marks, counts }: MarksLog, problems: Problems): void {
  const rows = db.query<{ uid: number; id: number; type: MarkType }, []>(
    "select uid, message_id as id, type from marks",
  );
  const stored = new Map(rows.all().map(({ uid, id, type }) => [`${uid} ${id}`, type]));
  for (const own of new Set([...marks.keys(), ...stored.keys()])) {
    const [logged, row] = [marks.get(own), stored.get(own)];
    if (logged !== row) problems.add("marks stored otherwise than told", `${own}: ${row}, and ${logged} in the log`);
  }
  const messages = db.query<{ id: number; likes: number; dislikes: number; rowLikes: number; rowDislikes: number }, []>(
    `select id, likes, dislikes,
       (select count(*) from marks where message_id = id and type = 1) as rowLikes,
       (select count(*) from marks where message_id = id and type = 2) as rowDislikes
     from messages where likes != 0 or dislikes != 0 or id in (select message_id from marks)
       or id in (select message_id from events where type = ${MARK})`,
  );
  for (const { id, likes, dislikes, rowLikes, rowDislikes } of messages.all()) {
    const logged = counts.get(id) ?? { 1: 0, 2: 0 };
    if (likes === rowLikes && likes === logged[1] && dislikes === rowDislikes && dislikes === logged[2]) continue;
    const all = [likes, rowLikes, logged[1], dislikes, rowDislikes, logged[2]].join(", ");
    problems.add(WRONG_COUNT, `message ${id}: of likes it has, rows, told: then of dislikes: ${all}`);
  }
}
