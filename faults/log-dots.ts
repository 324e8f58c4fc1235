import type { Database } from "bun:sqlite";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import type { LoggedNotice } from "./log-notices.ts";
import type { Problems } from "./problems.ts";

export const WRONG_DOT = "counters told wrong";
const [APPLY, SELF, FRIEND] = [10, 109, 111];

/** The things that make up one person's dots. */
export interface Counters {
  readonly unseen: number;
  readonly unreadNotifications: number;
  readonly friendRequests: number;
}

interface Said extends Partial<Counters> {
  readonly notificationsSeen?: number;
  readonly notificationsRead?: { readonly upTo?: number; readonly ids?: readonly number[] };
  readonly notificationsArchived?: readonly number[];
  readonly friendRequestsRead?: number;
  readonly uid?: number;
  readonly change?: string;
  readonly requestId?: number;
}

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly type: number;
  readonly data: string;
}

interface Mark {
  read: boolean;
  archived: boolean;
}

/** One person's notifications and requests, according to their events. */
class Dots {
  readonly own = new Map<number, { done: boolean }>();
  readonly marks = new Map<number, Mark>();
  /** By id: whether it was read. */
  readonly requests = new Map<number, boolean>();
  seen = 0;
  read = 0;
  /** The person who is asking this one, as APPLY has just said. */
  asker: number | undefined;

  counters(all: ReadonlyMap<number, { done: boolean }>): Counters {
    let [unseen, unreadNotifications] = [0, 0];
    for (const [id, { done }] of [...this.own, ...all]) {
      const mark = this.marks.get(id);
      if (done || id <= this.read || mark?.read || mark?.archived) continue;
      unreadNotifications += 1;
      if (id > this.seen) unseen += 1;
    }
    const friendRequests = [...this.requests.values()].filter((isRead) => !isRead).length;
    return { unseen, unreadNotifications, friendRequests };
  }

  mark(id: number): Mark {
    const mark = this.marks.get(id) ?? { read: false, archived: false };
    this.marks.set(id, mark);
    return mark;
  }
}

/** Follows all notifications and friend requests through the log, as a client does, and counts what each person has to see. */
export class DotsLog {
  readonly changes = new Map<string, Change[]>();
  readonly #people = new Map<number, Dots>();
  readonly #all = new Map<number, { done: boolean }>();
  readonly #problems: Problems;

  constructor(db: Database, { notices, problems }: { notices: readonly LoggedNotice[]; problems: Problems }) {
    this.#problems = problems;
    const rows = db.query<Row, []>(
      `select pos, stream, type, data from events where type in (${APPLY}, ${SELF}, ${FRIEND}) order by pos`,
    );
    let next = 0;
    const until = (pos: number) => {
      for (let one = notices[next]; one && one.pos < pos; one = notices[next]) {
        this.#notice(one);
        next += 1;
      }
    };
    for (const row of rows.iterate()) {
      until(row.pos);
      this.#told(row);
    }
    until(Number.POSITIVE_INFINITY);
  }

  countersOf(uid: number): Counters {
    return this.#dotsOf(`user:${uid}`).counters(this.#all);
  }

  /** What the rows of one person have to contain, as lines. */
  rowsOf(uid: number): string[] {
    const { own, marks, requests, seen, read } = this.#dotsOf(`user:${uid}`);
    const markOf = (id: number) => `${marks.get(id)?.read === true} ${marks.get(id)?.archived === true}`;
    const onAll = [...marks.keys()].filter((id) => this.#all.has(id));
    return [
      ...[...own.keys()].map((id) => `${uid} has ${id}: ${markOf(id)}`),
      ...onAll.map((id) => `${uid} of all ${id}: ${markOf(id)}`),
      ...[...requests].map(([id, isRead]) => `${uid} was asked ${id}: ${isRead}`),
      ...(seen + read > 0 ? [`${uid} up to ${seen} ${read}`] : []),
    ];
  }

  #dotsOf(stream: string): Dots {
    const uid = Number(stream.slice("user:".length));
    const dots = this.#people.get(uid) ?? new Dots();
    this.#people.set(uid, dots);
    return dots;
  }

  #notice({ stream, id, says }: LoggedNotice): void {
    const list = stream === "all" ? this.#all : this.#dotsOf(stream).own;
    if (says === "removed") list.delete(id);
    else list.set(id, { done: says.done });
  }

  #told({ pos, stream, type, data }: Row): void {
    const dots = this.#dotsOf(stream);
    const said = JSON.parse(data) as Said;
    if (type === APPLY) dots.asker = said.uid;
    else if (type === SELF) this.#did({ pos, stream, dots }, said);
    else if (said.change === "requested" && said.uid === dots.asker) {
      dots.requests.set(said.requestId ?? 0, false);
      dots.asker = undefined;
    } else if (said.requestId !== undefined && said.change !== "requested") dots.requests.delete(said.requestId);
  }

  #did({ pos, stream, dots }: { pos: number; stream: string; dots: Dots }, said: Said): void {
    const { notificationsSeen, notificationsRead: read, notificationsArchived: archived, friendRequestsRead } = said;
    const uid = Number(stream.slice("user:".length));
    const became = (key: string, value: string) =>
      addTo(this.changes, key, { pos, room: undefined, value, isEvent: true });
    if (notificationsSeen !== undefined) {
      dots.seen = notificationsSeen;
      became(keyOf.seen(uid), `${notificationsSeen}`);
    }
    if (read?.upTo !== undefined) {
      dots.read = read.upTo;
      became(keyOf.read(uid), `${read.upTo}`);
    }
    for (const id of read?.ids ?? []) {
      dots.mark(id).read = true;
      became(keyOf.read(uid), `one, ${id}`);
    }
    for (const id of archived ?? []) {
      dots.mark(id).archived = true;
      became(keyOf.archived(uid, id), "archived");
    }
    if (friendRequestsRead !== undefined) {
      for (const id of dots.requests.keys()) if (id <= friendRequestsRead) dots.requests.set(id, true);
    }
    if (said.unseen === undefined) return;
    const counted = dots.counters(this.#all);
    for (const what of ["unseen", "unreadNotifications", "friendRequests"] as const) {
      if (said[what] === counted[what]) continue;
      this.#problems.add(WRONG_DOT, `${pos} ${stream}: ${said[what]} ${what}, counted ${counted[what]}`);
    }
  }
}

/** The rows that the server counts from have to say the same as the events. */
export function checkDotRows(
  db: Database,
  { log, uids }: { log: DotsLog; uids: readonly number[] },
  problems: Problems,
): void {
  const wanted = new Set(uids.flatMap((uid) => log.rowsOf(uid)));
  const stored = new Set<string>();
  const mark = "case when read = 1 then 'true' else 'false' end";
  const archived = "case when archived = 1 then 'true' else 'false' end";
  const rows = db.query<{ uid: number; line: string }, []>(
    `select uid, uid || ' has ' || notification_id || ': ' || ${mark} || ' ' || ${archived} as line
     from notification_recipients
     union all
     select uid, uid || ' of all ' || notification_id || ': ' || ${mark} || ' ' || ${archived}
     from notification_marks join notifications on notifications.id = notification_id and is_gone = 0
     union all
     select to_uid, to_uid || ' was asked ' || id || ': ' || ${mark} from friend_requests where state = 'open' and hidden = 0
     union all
     select uid, uid || ' up to ' || seen_up_to || ' ' || read_up_to from notification_places
     where seen_up_to + read_up_to > 0`,
  );
  const people = new Set(uids);
  for (const { uid, line } of rows.all()) if (people.has(uid)) stored.add(line);
  for (const one of stored.symmetricDifference(wanted)) {
    problems.add("dots stored otherwise than told", `${one}: ${stored.has(one) ? "stored" : "not stored"}`);
  }
}
