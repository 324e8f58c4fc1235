import { Database } from "bun:sqlite";
import type { AppLog, SeenEvents } from "./app-record.ts";
import { checkBans, SHOWN_BANNED } from "./check-bans.ts";
import { checkApp, checkWire, seenOf } from "./check-client.ts";
import { ANSWERED_WRONG, checkCommands } from "./check-commands.ts";
import { checkFeatures } from "./check-features.ts";
import { checkHistory, type MissedMessage, missedMessages, type Shown } from "./check-history.ts";
import { checkLog } from "./check-log.ts";
import { checkStarts, type ServerLife } from "./check-starts.ts";
import { checkState } from "./check-state.ts";
import { type Effect, hadToHold } from "./effect.ts";
import type { HiddenShown } from "./hidden-texts.ts";
import type { Ledger } from "./ledger.ts";
import type { Counters } from "./log-dots.ts";
import { behind, type Windows, windowsOf } from "./log-windows.ts";
import { type Memberships, membershipsOf } from "./memberships.ts";
import { Moments } from "./moments.ts";
import { coveredBy, passedOver } from "./passed-over.ts";
import { cursorParts, Places } from "./places.ts";
import { Problems } from "./problems.ts";
import { Ranges, sizeOf } from "./ranges.ts";
import { pairResyncs, type ToldResync } from "./told-resyncs.ts";
import type { WireLog } from "./wire-log.ts";
import type { LastAsked } from "./wire-record.ts";

/*
 * The judge. It has three witnesses: the database, which it reads with its own SQL; the wire, which the proxy read with its own
 * parsers; and what the applications wrote down. What each client had to see follows from the events in the log.
 * Nothing here is imported from the client or the server.
 */

/** What is known about the clients. */
export interface Witnesses {
  readonly databaseFile: string;
  /** By client: whose login it used. */
  readonly uids: readonly number[];
  readonly apps: readonly AppLog[];
  readonly wire: readonly WireLog[];
  /** Clients whose connections nobody cuts. */
  readonly undisturbed: readonly number[];
}

export interface Evidence extends Witnesses, Effect {
  readonly seen: Readonly<Record<string, SeenEvents>>;
  /** By client: what HTTP shows of the messages that `missed` names. */
  readonly shown: readonly Shown[];
  /** By client: the dots that its person has to have by what HTTP says. */
  readonly counters: readonly Counters[];
  readonly oldTexts: Readonly<Record<string, LastAsked>>;
  readonly hiddenTexts: readonly HiddenShown[];
  readonly ledger: Ledger;
  readonly lives: readonly ServerLife[];
}

export interface Verdict {
  readonly problems: Problems;
  /** How many rows the log has. */
  readonly events: number;
  /** How many events the clients had to get in all, and how many they got. */
  readonly expected: number;
  readonly delivered: number;
  readonly resyncs: ResyncsVerdict;
}

/** The outcome of the starts, and of the RESYNCs that clients got and read state after. */
export interface ResyncsVerdict {
  /** At which clients asked to go on from a cursor, and which were held against the log. */
  starts: number;
  /** Frames, by `why`. */
  readonly told: Record<string, number>;
  /** Events that would have been due but were not sent, since they came before a return. */
  excused: number;
  /** Events that would also have been due but were not sent one by one, since state was read. */
  covered: number;
  /** Messages that were missed on the way: those that are in the history, and those that are closed to their reader. */
  open: number;
  closed: number;
}

/** One client, and what the log says about it. */
interface Reader {
  readonly name: string;
  readonly app: AppLog;
  readonly wire: WireLog;
  readonly places: Places;
  readonly memberships: Memberships;
  readonly windows: Windows;
  /** What came after the cursor with which it was live for the first time. */
  readonly due: Map<string, Ranges>;
}

export function check(evidence: Evidence): Verdict {
  return reading(evidence.databaseFile, (db) => judge(db, evidence));
}

/** How many events each client still has to get. This is cheaper than a verdict, for waiting until all have caught up. */
export function left({ databaseFile, uids, apps }: Pick<Witnesses, "databaseFile" | "uids" | "apps">): number[] {
  return reading(databaseFile, (db) => {
    const places = new Places(db);
    const memberships = membershipsOf(db, uids);
    return uids.map((uid, i) => {
      const { from, streams, resyncs } = apps[i] as AppLog;
      const windows = windowsOf(uid, memberships.get(uid) ?? new Map(), places);
      const due = behind(windows, (stream) => places.reach(cursorParts(from), stream));
      takeAway(due, coveredBy(resyncs, { places, windows }));
      return [...due].reduce((sum, [stream, ranges]) => sum + sizeOf(ranges.without(seenOf(streams, stream))), 0);
    });
  });
}

/** By client: the messages that it did not get because it got RESYNC. */
export function missed(witnesses: Witnesses): MissedMessage[][] {
  return reading(witnesses.databaseFile, (db) =>
    readersOf(db, witnesses).map((reader) => {
      const { covered } = passedOver(pairsOf(reader, { isUndisturbed: false, problems: new Problems() }), reader);
      return missedMessages(covered, reader);
    }),
  );
}

function reading<T>(databaseFile: string, read: (db: Database) => T): T {
  const db = new Database(databaseFile, { readonly: true });
  try {
    return read(db);
  } finally {
    db.close();
  }
}

function readersOf(db: Database, { uids, apps, wire }: Witnesses): Reader[] {
  const places = new Places(db);
  const all = membershipsOf(db, uids);
  return uids.map((uid, i) => {
    const app = apps[i] as AppLog;
    const memberships = all.get(uid) ?? new Map();
    const windows = windowsOf(uid, memberships, places);
    const due = behind(windows, (stream) => places.reach(cursorParts(app.from), stream));
    return { name: `client ${i}`, app, wire: wire[i] as WireLog, places, memberships, windows, due };
  });
}

function pairsOf(
  { name, app, wire }: Reader,
  { isUndisturbed, problems }: { isUndisturbed: boolean; problems: Problems },
): ToldResync[] {
  return pairResyncs({ told: app.resyncs, starts: wire.starts }, { name, isUndisturbed, problems });
}

function judge(db: Database, evidence: Evidence): Verdict {
  const { undisturbed, shown, ledger, lives, troubles } = evidence;
  const { events, problems } = checkLog(db, evidence);
  problems.addAll(checkCommands(db, ledger.commands, checkFeatures(db, evidence, problems)));
  for (const late of ledger.commands.lateAnswers) {
    if (hadToHold(evidence, late)) problems.add(ANSWERED_WRONG, late.answer);
  }
  const moments = new Moments(ledger.stored);
  const epoch = db.query<{ value: string }, []>("select value from meta where key = 'epoch'").get()?.value ?? "";
  const resyncs: ResyncsVerdict = { starts: 0, told: {}, excused: 0, covered: 0, open: 0, closed: 0 };
  let [expected, delivered] = [0, 0];
  for (const [i, reader] of readersOf(db, evidence).entries()) {
    const { app, wire, due } = reader;
    const context = { ...reader, problems };
    resyncs.starts += checkStarts(wire, { ...context, epoch, moments, lives, troubles });
    const isUndisturbed = undisturbed.includes(i);
    const pairs = pairsOf(reader, { isUndisturbed, problems });
    for (const { told, frames } of pairs) {
      checkState(told, { ...context, isUndisturbed });
      if (told.state) for (const { why } of frames) resyncs.told[why] = (resyncs.told[why] ?? 0) + 1;
    }
    const { covered, excused } = passedOver(pairs, reader);
    const { open, closed } = checkHistory(missedMessages(covered, reader), shown[i] as Shown, context);
    resyncs.open += open;
    resyncs.closed += closed;
    const before = sizeOfAll(due);
    takeAway(due, excused);
    const told = sizeOfAll(due);
    takeAway(due, covered);
    const rest = sizeOfAll(due);
    resyncs.excused += before - told;
    resyncs.covered += told - rest;
    expected += rest;
    delivered += checkApp(app, { ...context, expected: due });
    checkWire(wire, context);
    checkBans(wire.bans, { ...context, moments, effect: evidence });
  }
  checkOldTexts(evidence, problems);
  return { problems, events, expected, delivered, resyncs };
}

/** What was recalled, taken back, or written by somebody who is banned comes on no connection that was begun after the reply. */
function checkOldTexts(evidence: Evidence, problems: Problems): void {
  const { oldTexts, hiddenTexts } = evidence;
  const { recalls, takenBack } = evidence.ledger;
  for (const shown of hiddenTexts) {
    const { text, from, askedAt } = shown;
    if (!hadToHold(evidence, shown)) continue;
    problems.add(SHOWN_BANNED, `${text}, asked for ${Math.round(askedAt - from)} ms after the ban`);
  }
  const all = [
    ...recalls.map(({ clientId, repliedAt }) => ({ kind: "recalled text shown", ref: clientId, repliedAt })),
    ...takenBack.map((one) => ({ kind: "notification shown, though taken back", ...one })),
  ];
  for (const { kind, ref, repliedAt } of all) {
    for (const [node, askedAt] of Object.entries(oldTexts[ref] ?? {})) {
      if (!hadToHold(evidence, { from: repliedAt, askedAt, node: Number(node) })) continue;
      problems.add(kind, `${ref}, asked for ${Math.round(askedAt - repliedAt)} ms after the reply`);
    }
  }
}

function takeAway(due: Map<string, Ranges>, covered: ReadonlyMap<string, Ranges>): void {
  for (const [stream, ranges] of covered) {
    due.set(stream, new Ranges((due.get(stream) ?? new Ranges()).without(ranges)));
  }
}

function sizeOfAll(due: ReadonlyMap<string, Ranges>): number {
  return [...due.values()].reduce((sum, { size }) => sum + size, 0);
}
