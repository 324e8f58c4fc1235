import type { Database } from "bun:sqlite";
import { saidBy } from "./contents.ts";
import type { Problems } from "./problems.ts";

/** What the webhook of a run gets, by name and number, and in which streams it is. */
export const HOOK_EVENTS = {
  RECALL: { type: 9, in: "room:" },
  MARK: { type: 8, in: "room:" },
  MEMBER_CHANGE: { type: 11, in: "room:" },
  MEMBER_UPDATE: { type: 112, in: "room:" },
  ROOM: { type: 106, in: "room:" },
  FRIEND: { type: 111, in: "user:" },
  BLACK: { type: 7, in: "all" },
  UNBLACK: { type: 116, in: "all" },
} as const;

/** One request of the webhook, as it came. */
export interface HookArrival {
  readonly stream: string;
  readonly seq: number;
  readonly type: number;
  readonly said: number;
  readonly isSigned: boolean;
  /** It was answered with a 2xx, or would have been if the connection had lasted. */
  readonly isAccepted: boolean;
}

interface Due {
  readonly seqs: number[];
  readonly said: Map<number, { readonly type: number; readonly said: number }>;
  /** How many of them have been accepted, counted from the first. */
  done: number;
  readonly accepted: Set<number>;
}

export interface HookVerdict {
  readonly due: number;
  readonly accepted: number;
}

/**
 * Everything that is due is accepted at least once, as the log has it, and nothing comes before everything due earlier in its stream has been
 * accepted. What was accepted may come again.
 */
export function checkHook(db: Database, arrivals: readonly HookArrival[], problems: Problems): HookVerdict {
  const due = dueOf(db);
  for (const arrival of arrivals) {
    const { stream, seq, type, said, isSigned, isAccepted } = arrival;
    const place = `${stream} ${seq}`;
    if (!isSigned) problems.add("webhook signed wrong", place);
    const own = due.get(stream);
    const logged = own?.said.get(seq);
    if (!own || !logged) {
      problems.add("webhook told what is not due", JSON.stringify(arrival));
      continue;
    }
    if (logged.type !== type || logged.said !== said) problems.add("webhook told otherwise", place);
    const first = own.seqs[own.done];
    if (first !== undefined && seq > first) problems.add("webhook out of order", `${place} before ${first}`);
    if (!isAccepted) continue;
    own.accepted.add(seq);
    while (own.accepted.has(own.seqs[own.done] ?? 0)) own.done += 1;
  }
  let [count, accepted] = [0, 0];
  for (const [stream, { seqs, accepted: had }] of due) {
    count += seqs.length;
    accepted += had.size;
    const lost = seqs.filter((seq) => !had.has(seq));
    problems.add("webhook not told", `${stream} ${lost.slice(0, 5)}`, lost.length);
  }
  return { due: count, accepted };
}

function dueOf(db: Database): Map<string, Due> {
  const due = new Map<string, Due>();
  const rows = db.query<{ stream: string; seq: number; type: number; data: string }, []>(
    `select stream, seq, type, data from events where ${Object.values(HOOK_EVENTS)
      .map(({ type, in: where }) => `(type = ${type} and stream like '${where}%')`)
      .join(" or ")} order by pos`,
  );
  for (const { stream, seq, type, data } of rows.iterate()) {
    const own: Due = due.get(stream) ?? { seqs: [], said: new Map(), done: 0, accepted: new Set() };
    due.set(stream, own);
    own.seqs.push(seq);
    own.said.set(seq, { type, said: saidBy(JSON.parse(data)) });
  }
  return due;
}
