import { Database } from "bun:sqlite";
import type { AppLog, SeenEvents } from "./app-record.ts";
import { checkApp, checkWire, RESYNCED, seenOf } from "./check-client.ts";
import { checkCommands } from "./check-commands.ts";
import { checkLog } from "./check-log.ts";
import { checkReturns, coveredBy, type ReturnsChecked } from "./check-returns.ts";
import type { Ledger } from "./ledger.ts";
import { expectedAfter, headsOf, reachOf, windowsOf } from "./log-windows.ts";
import { Places } from "./places.ts";
import type { Problems } from "./problems.ts";
import { Ranges, sizeOf } from "./ranges.ts";
import type { Return } from "./returns.ts";
import type { WireLog } from "./wire-log.ts";

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
  /** By client, of those only that are brought to RESYNCs on purpose: for all others, each is a loss. */
  readonly returns: Readonly<Record<number, readonly Return[]>>;
  readonly oldTexts: Readonly<Record<string, number>>;
  readonly ledger: Ledger;
}

export interface Verdict {
  readonly problems: Problems;
  /** Rows of the log. */
  readonly events: number;
  /** That the clients had to see, in all, and that they saw. */
  readonly expected: number;
  readonly delivered: number;
  readonly returns: ReturnsVerdict;
}

/** What came of the RESYNCs that were brought about on purpose. */
export interface ReturnsVerdict {
  far: number;
  epoch: number;
  /** RESYNC frames. */
  resyncs: number;
  /** Events that were not told one by one, since state was read; and the messages of them, which the history has. */
  covered: number;
  messages: number;
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
export function missing(
  databaseFile: string,
  { uids, apps, returners }: Pick<Evidence, "uids" | "apps"> & { returners: readonly number[] },
): number[] {
  const db = new Database(databaseFile, { readonly: true });
  try {
    const windows = windowsOf(db, uids, headsOf(db));
    return uids.map((uid, i) => {
      const app = apps[i] as AppLog;
      const { from, streams } = app;
      const may = windows.get(uid) ?? new Map<string, Ranges>();
      const expected = expectedAfter(may, reachOf(db, from));
      if (returners.includes(i)) takeAway(expected, coveredBy(app, { places: new Places(db, may.keys()), may }));
      return [...expected].reduce((sum, [stream, ranges]) => sum + sizeOf(ranges.without(seenOf(streams, stream))), 0);
    });
  } finally {
    db.close();
  }
}

function judge(db: Database, { uids, apps, seen, wire, returns, oldTexts, ledger }: Evidence): Verdict {
  const { events, problems } = checkLog(db, { ledger, seen });
  problems.addAll(checkCommands(db, ledger.commands));
  const windows = windowsOf(db, uids, headsOf(db));
  let expectedInAll = 0;
  let delivered = 0;
  const inAll: ReturnsVerdict = { far: 0, epoch: 0, resyncs: 0, covered: 0, messages: 0 };
  const epoch = db.query<{ value: string }, []>("select value from meta where key = 'epoch'").get()?.value ?? "";
  for (const [i, uid] of uids.entries()) {
    const app = apps[i] as AppLog;
    const may = windows.get(uid) ?? new Map<string, Ranges>();
    const expected = expectedAfter(may, reachOf(db, app.from));
    const context = { name: `client ${i}`, may, problems };
    const onWire = wire[i] as WireLog;
    const own = returns[i];
    if (own) {
      const places = new Places(db, may.keys());
      const checked = checkReturns({ app, wire: onWire, returns: own }, { ...context, places, epoch });
      takeAway(expected, checked.covered);
      addTo(inAll, checked);
    } else {
      for (const { told } of app.resyncs) {
        for (const { stream, why } of told) problems.add(RESYNCED, `client ${i} ${stream} ${why}`);
      }
      for (const one of onWire.resyncs) problems.add(RESYNCED, `client ${i} on the wire: ${one.frames.join(" ")}`);
    }
    for (const ranges of expected.values()) expectedInAll += ranges.size;
    delivered += checkApp(app, { ...context, expected, wire: onWire });
    checkWire(onWire, context);
  }
  for (const { clientId, repliedAt } of ledger.recalls) {
    if ((oldTexts[clientId] ?? 0) > repliedAt) problems.add("recalled text shown", clientId);
  }
  return { problems, events, expected: expectedInAll, delivered, returns: inAll };
}

function takeAway(expected: Map<string, Ranges>, covered: ReadonlyMap<string, Ranges>): void {
  for (const [stream, ranges] of covered) {
    expected.set(stream, new Ranges((expected.get(stream) ?? new Ranges()).without(ranges)));
  }
}

function addTo(all: ReturnsVerdict, { met, covered, resyncs, messages }: ReturnsChecked): void {
  all.far += met.far;
  all.epoch += met.epoch;
  all.resyncs += resyncs;
  all.messages += messages;
  for (const ranges of covered.values()) all.covered += ranges.size;
}
