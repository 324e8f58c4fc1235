import type { Database } from "bun:sqlite";
import { addTo } from "./grouped.ts";
import { type Change, keyOf } from "./log-changes.ts";
import type { Problems } from "./problems.ts";

const [BLACK, UNBLACK] = [7, 116];

/** Bans and their ends, as everybody heard of them. */
export function banChangesOf(db: Database, problems: Problems): Map<string, Change[]> {
  const changes = new Map<string, Change[]>();
  const rows = db.query<{ pos: number; stream: string; type: number; data: string }, []>(
    `select pos, stream, type, data from events where type in (${BLACK}, ${UNBLACK}) order by pos`,
  );
  for (const { pos, stream, type, data } of rows.iterate()) {
    const { uid } = JSON.parse(data) as { uid: number };
    if (stream !== "all") problems.add("event of another room", `${pos} ${stream}: ${data}`);
    const value = type === BLACK ? "banned" : "free";
    addTo(changes, keyOf.ban(uid), { pos, room: undefined, value, isEvent: true });
  }
  return changes;
}

/** The people who are banned in the end are those whose last event was a ban. */
export function checkBanRows(db: Database, changes: ReadonlyMap<string, readonly Change[]>, problems: Problems): void {
  const rows = db.query<{ uid: number }, []>("select uid from bans where uid is not null").all();
  const stored = new Set(rows.map(({ uid }) => keyOf.ban(uid)));
  const told = [...changes].flatMap(([key, own]) => (own.at(-1)?.value === "banned" ? [key] : []));
  for (const key of stored.symmetricDifference(new Set(told))) {
    problems.add("bans stored otherwise than told", `${key}: ${stored.has(key) ? "stored" : "not stored"}`);
  }
}
