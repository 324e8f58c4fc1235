import type { Database } from "bun:sqlite";
import { saidOfNotice } from "./contents.ts";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import { formsOf, type Tellable } from "./log-custom.ts";
import type { NoticeAsked, NoticeSaid } from "./notice-model.ts";
import type { Problems } from "./problems.ts";

const NOTIFICATION = 102;
const LOST = "command acknowledged and lost";
const UNASKED = "events that nobody asked for";

/** One event of a notification, with what it says. */
export interface LoggedNotice {
  readonly pos: number;
  readonly stream: string;
  readonly id: number;
  readonly says: NoticeSaid;
}

export interface NoticesLog {
  readonly changes: ReadonlyMap<string, Change[]>;
  /** In the order of the log. */
  readonly events: readonly LoggedNotice[];
}

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  readonly id: number;
  /** Set for an event that says that it has left the list; other content is kept with the notification. */
  readonly data: string | null;
}

/**
 * Compares the events of notifications with what was expected, list by list: everything that was acknowledged is there, once, in order, and
 * nothing else. Readers who catch up may get the later state of each.
 */
export function noticesOf(
  db: Database,
  { asked, tellable, problems }: { asked: readonly NoticeAsked[]; tellable: Tellable; problems: Problems },
): NoticesLog {
  const changes = new Map<string, Change[]>();
  const events: LoggedNotice[] = [];
  const byId = new Map(asked.map((one) => [one.id, one]));
  const counts = new Map<string, number>();
  const rows = db.query<Row, []>(
    `select pos, stream, seq, message_id as id, data from events where type = ${NOTIFICATION} order by pos`,
  );
  for (const { pos, stream, seq, id, data } of rows.iterate()) {
    const own = byId.get(id);
    const list = `${id} ${stream}`;
    const at = counts.get(list) ?? 0;
    counts.set(list, at + 1);
    const says = own?.told[stream]?.[at];
    const isGone = data !== null;
    if (!own || !says || (says === "removed") !== isGone) {
      problems.add(UNASKED, `${pos} ${stream}: notification ${id}, ${isGone ? "removed" : `event ${at}`}`);
      continue;
    }
    events.push({ pos, stream, id, says });
    const later = own.told[stream]?.slice(at) ?? [];
    formsOf(tellable, stream).set(
      seq,
      later.map((one) => saidIn(own, one)),
    );
    if (pos === id) addTo(changes, keyOf.notice(id), { pos, room: undefined, value: "sent", isEvent: true });
  }
  for (const { id, told } of asked) {
    for (const [stream, all] of Object.entries(told)) {
      const count = counts.get(`${id} ${stream}`) ?? 0;
      if (count < all.length) problems.add(LOST, `notification ${id} ${stream}: ${count} events of ${all.length}`);
    }
  }
  return { changes, events };
}

function saidIn({ id, kind, ref }: NoticeAsked, says: NoticeSaid): number {
  return says === "removed" ? saidOfNotice({ id, removed: true }) : saidOfNotice({ id, kind, title: ref, ...says });
}

/** The rows of what is in lists are as was asked for; what has left the last list has no content. */
export function checkNoticeRows(db: Database, asked: readonly NoticeAsked[], problems: Problems): void {
  const wanted = new Set<string>();
  for (const { id, ref, kind, toAll, told } of asked) {
    const [last] = Object.values(told)
      .map((all) => all.at(-1) as NoticeSaid)
      .filter((one) => one !== "removed");
    if (last) wanted.add(JSON.stringify([id, kind, ref, last.text, last.done, toAll]));
  }
  const stored = new Set<string>();
  const rows = db.query<{ id: number; kind: string; title: string; text: string; done: number; toAll: number }, []>(
    "select id, kind, title, text, done, to_all as toAll from notifications where is_gone = 0",
  );
  for (const { id, kind, title, text, done, toAll } of rows.all()) {
    stored.add(JSON.stringify([id, kind, title, text, done === 1, toAll === 1]));
  }
  for (const one of stored.symmetricDifference(wanted)) {
    problems.add("notifications stored otherwise than told", `${one}: ${stored.has(one) ? "stored" : "not stored"}`);
  }
}
