import { Database } from "bun:sqlite";
import type { AppLog, SeenEvents } from "./app-record.ts";
import { checkLog } from "./check-log.ts";
import type { Ledger } from "./ledger.ts";
import { expectedAfter, headsOf, reachOf, windowsOf } from "./log-windows.ts";
import type { Problems } from "./problems.ts";
import { Ranges, type Run, sizeOf } from "./ranges.ts";
import type { WireLog } from "./wire-record.ts";

/*
 * The judge. It knows three witnesses: the database, which it reads by SQL of its own; the wire, which the proxy read by
 * parsers of its own; and what the applications wrote down. What each client had to see follows from the events in the log.
 * Nothing here is imported from the client or the server.
 */

export interface Evidence {
  readonly databaseFile: string;
  /** By client: whose login it used. */
  readonly uids: readonly number[];
  readonly apps: readonly AppLog[];
  readonly seen: Readonly<Record<string, SeenEvents>>;
  readonly wire: readonly WireLog[];
  readonly oldTexts: Readonly<Record<string, number>>;
  readonly ledger: Ledger;
}

/** Names of what can be wrong; the three that the promise is about come first. */
export const LOST = "lost";
export const DUPLICATED = "duplicated";
export const REORDERED = "reordered";
export const NOT_FOR_HIM = "not for him";
export const RESYNCED = "resynced";

export interface Verdict {
  readonly problems: Problems;
  /** Rows of the log. */
  readonly events: number;
  /** That the clients had to see, in all, and that they saw. */
  readonly expected: number;
  readonly delivered: number;
}

export function check(evidence: Evidence): Verdict {
  const db = new Database(evidence.databaseFile, { readonly: true });
  try {
    return judge(db, evidence);
  } finally {
    db.close();
  }
}

/** How many events each client still has to see. Cheaper than a verdict: for waiting until all have caught up. */
export function missing(databaseFile: string, { uids, apps }: Pick<Evidence, "uids" | "apps">): number[] {
  const db = new Database(databaseFile, { readonly: true });
  try {
    const windows = windowsOf(db, uids, headsOf(db));
    return uids.map((uid, i) => {
      const { from, streams } = apps[i] as AppLog;
      const expected = expectedAfter(windows.get(uid) ?? new Map(), reachOf(db, from));
      return [...expected].reduce((sum, [stream, ranges]) => sum + sizeOf(ranges.without(seenOf(streams, stream))), 0);
    });
  } finally {
    db.close();
  }
}

function judge(db: Database, { uids, apps, seen, wire, oldTexts, ledger }: Evidence): Verdict {
  const { events, problems } = checkLog(db, { ledger, seen });
  const windows = windowsOf(db, uids, headsOf(db));
  let expectedInAll = 0;
  let delivered = 0;
  for (const [i, uid] of uids.entries()) {
    const app = apps[i] as AppLog;
    const may = windows.get(uid) ?? new Map<string, Ranges>();
    const expected = expectedAfter(may, reachOf(db, app.from));
    for (const ranges of expected.values()) expectedInAll += ranges.size;
    delivered += checkApp(app, { name: `client ${i}`, expected, wire: wire[i] as WireLog, problems });
    checkWire(wire[i] as WireLog, { name: `client ${i}`, may, problems });
  }
  for (const { clientId, repliedAt } of ledger.recalls) {
    if ((oldTexts[clientId] ?? 0) > repliedAt) problems.add("recalled text shown", clientId);
  }
  return { problems, events, expected: expectedInAll, delivered };
}

interface AppContext {
  readonly name: string;
  readonly expected: ReadonlyMap<string, Ranges>;
  readonly wire: WireLog;
  readonly problems: Problems;
}

/** @returns how many events it saw, each counted once */
function checkApp({ streams, resyncs, differing }: AppLog, { name, expected, wire, problems }: AppContext): number {
  let delivered = 0;
  for (const stream of new Set([...expected.keys(), ...Object.keys(streams)])) {
    const saw = seenOf(streams, stream);
    const had = expected.get(stream) ?? new Ranges();
    const onWire = new Ranges(wire.streams[stream] ?? []);
    delivered += saw.size;
    for (const run of had.without(saw)) {
      const came = new Ranges([run]).without(onWire).length === 0 ? ", though it was on the wire" : "";
      problems.add(LOST, `${name} ${stream} ${text(run)}${came}`, sizeOf([run]));
    }
    for (const run of saw.without(had)) problems.add(NOT_FOR_HIM, `${name} ${stream} ${text(run)}`, sizeOf([run]));
    for (const run of saw.without(onWire)) problems.add("seen, not on the wire", `${name} ${stream} ${text(run)}`);
    const { duplicated = 0, reordered = 0, examples = [] } = streams[stream] ?? {};
    problems.add(DUPLICATED, `${name} ${stream} ${examples.join(", ")}`, duplicated);
    problems.add(REORDERED, `${name} ${stream} ${examples.join(", ")}`, reordered);
  }
  for (const one of resyncs) problems.add(RESYNCED, `${name} ${one}`);
  for (const one of differing) problems.add("told otherwise", `${name} ${one}`);
  return delivered;
}

function checkWire(
  wire: WireLog,
  { name, may, problems }: { name: string; may: ReadonlyMap<string, Ranges>; problems: Problems },
): void {
  for (const [stream, runs] of Object.entries(wire.streams)) {
    const over = new Ranges(runs).without(may.get(stream) ?? new Ranges());
    for (const run of over) problems.add("on the wire, not for him", `${name} ${stream} ${text(run)}`, sizeOf([run]));
  }
  for (const { stream, transport, from, to } of wire.falls) {
    problems.add("fell on the wire", `${name} ${transport} ${stream} ${to} after ${from}`);
  }
  for (const { stream, transport, from, to } of wire.jumps) {
    const over = new Ranges([[from + 1, to - 1]]);
    const wanted = over.without(new Ranges(over.without(may.get(stream) ?? new Ranges())));
    if (wanted.length > 0) problems.add("gap on the wire", `${name} ${transport} ${stream} ${to} after ${from}`);
  }
  // What was not kept cannot be judged.
  problems.add("too much to judge on the wire", name, wire.unkept);
  for (const one of wire.resyncs) problems.add(RESYNCED, `${name} on the wire: ${one}`);
}

function seenOf(streams: AppLog["streams"], stream: string): Ranges {
  return new Ranges(streams[stream]?.runs ?? []);
}

function text([from, to]: Run): string {
  return from === to ? String(from) : `${from}–${to}`;
}
