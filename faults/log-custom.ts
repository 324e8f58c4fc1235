import type { Database } from "bun:sqlite";
import { saidBy } from "./contents.ts";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import type { Problems } from "./problems.ts";

const CUSTOM = 117;

/** One of the product's custom events that was asked for. */
export interface CustomAsked {
  /** Part of its `data`; no two events have the same one. */
  readonly ref: string;
  readonly streams: readonly string[];
  readonly kind: string;
  /** JSON text. */
  readonly data: string;
  readonly collapseKey: string | null;
  /** `perhaps`: refused, or not answered, after a try without an answer. */
  readonly isDone: "yes" | "no" | "perhaps";
}

interface Row {
  readonly pos: number;
  readonly stream: string;
  readonly seq: number;
  /** Set for an event that may be replaced; its content is checked elsewhere. */
  readonly messageId: number | null;
  readonly data: string | null;
  readonly kind: string | null;
  readonly content: string | null;
  readonly collapseKey: string | null;
}

/** What readers may get for one event, by stream and seq. */
export type Tellable = Map<string, Map<number, readonly number[]>>;

/** Compares the product's custom events with what was asked for: each has to be in each stream once, with the right content. */
export function customOf(
  db: Database,
  { asked, tellable, problems }: { asked: readonly CustomAsked[]; tellable: Tellable; problems: Problems },
): Map<string, Change[]> {
  const changes = new Map<string, Change[]>();
  const byRef = new Map(asked.map((one) => [one.ref, one]));
  const found = new Map<string, number>();
  const latest = new Map<string, number>();
  const rows = db
    .query<Row, []>(
      `select e.pos, e.stream, e.seq, e.message_id as messageId, e.data, c.kind, c.data as content,
              c.collapse_key as collapseKey
       from events e left join custom_events c on c.id = e.message_id where e.type = ${CUSTOM} order by e.pos`,
    )
    .all();
  for (const { pos, stream, collapseKey } of rows) {
    if (collapseKey !== null) latest.set(`${stream} ${collapseKey}`, pos);
  }
  for (const row of rows) {
    const { pos, stream, seq, messageId, collapseKey } = row;
    const said = saidIn(row);
    const ref = (said.data as { ref?: string } | null)?.ref ?? "";
    const own = byRef.get(ref);
    const isReplaced = collapseKey !== null && latest.get(`${stream} ${collapseKey}`) !== pos;
    const forms = [saidBy(said), ...(isReplaced ? [saidBy({ kind: said.kind, data: null })] : [])];
    formsOf(tellable, stream).set(seq, forms);
    found.set(`${ref} ${stream}`, (found.get(`${ref} ${stream}`) ?? 0) + 1);
    if (!own?.streams.includes(stream) || own.isDone === "no") {
      problems.add("events that nobody asked for", `${pos} ${stream}: ${JSON.stringify(said)}`);
      continue;
    }
    if (said.kind !== own.kind || JSON.stringify(said.data) !== own.data || collapseKey !== own.collapseKey) {
      problems.add("stored otherwise than sent", `${pos} ${stream}: ${JSON.stringify(said)}`);
    }
    if (stream === own.streams[0] && (messageId ?? pos) === pos) {
      addTo(changes, keyOf.custom(ref), { pos, room: undefined, value: "pushed", isEvent: true });
    }
  }
  for (const { ref, streams, isDone } of asked) {
    const counts = streams.map((stream) => found.get(`${ref} ${stream}`) ?? 0);
    if (counts.some((count) => count > 1)) problems.add("sends stored twice", `${ref}: ${counts}`);
    if (isDone === "yes" && counts.includes(0)) problems.add("acknowledged and lost", `${ref}: ${counts}`);
    if (isDone === "perhaps" && new Set(counts).size > 1) problems.add("stored in part", `${ref}: ${counts}`);
  }
  return changes;
}

function saidIn({ data, kind, content }: Row): { kind: string; data: unknown } {
  if (data !== null) return JSON.parse(data) as { kind: string; data: unknown };
  return { kind: kind ?? "", data: JSON.parse(content ?? "null") as unknown };
}

export function formsOf(tellable: Tellable, stream: string): Map<number, readonly number[]> {
  const forms = tellable.get(stream) ?? new Map<number, readonly number[]>();
  tellable.set(stream, forms);
  return forms;
}
