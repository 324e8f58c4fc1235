import { DUPLICATED, LOST, REORDERED } from "./check-client.ts";
import { LEAST_OF_ASKED } from "./options.ts";
import { WRONG_PRESENCE } from "./presence-watch.ts";
import { featuresReport } from "./report-features.ts";
import { NO_RESYNC, UNDUE_RESYNC } from "./resync-due.ts";
import type { Outcome } from "./run.ts";
import { TRANSPORTS } from "./wire-log.ts";

/** If the shares fall below this, a run has not tested what it is for. */
const LEAST_SHARE = 0.1;
/** If a larger share of deliveries is excused, a run no longer tests what it is for. */
const MOST_EXCUSED = 0.03;
/** For a run of four minutes or longer. */
const LEAST_DEPARTURES = 500;
const LEAST_SHORT_CUTS = 100;
/** The reasons for which clients get RESYNC in every run. */
const WHYS = ["rejoined", "far", "epoch"];

export interface Report {
  /** What is wrong, one line each; if there are none, the run passed. */
  readonly failures: readonly string[];
  /** Name and value, as they are printed and written. */
  readonly figures: Readonly<Record<string, number | string>>;
}

export function reportOf(outcome: Outcome, commit: string): Report {
  const { options, verdict, presence, presences, wire, app, server, churn, book } = outcome;
  const { problems } = verdict;
  const sum = (numbers: readonly number[]) => numbers.reduce((all, one) => all + one, 0);
  const of = (pick: (log: (typeof wire.clients)[number]) => number) => sum(wire.clients.map(pick));
  const first = of(({ deliveries }) =>
    sum(TRANSPORTS.map((name) => deliveries[name].live + deliveries[name].backfill)),
  );
  const live = of(({ deliveries }) => sum(TRANSPORTS.map((name) => deliveries[name].live)));
  const share = (part: number) => (first === 0 ? 0 : part / first);
  const shares: Record<string, number> = { live: share(live), backfill: share(first - live) };
  for (const name of TRANSPORTS) {
    shares[name] = share(of(({ deliveries }) => deliveries[name].live + deliveries[name].backfill));
  }
  const cuts = sum(Object.values(wire.cuts));
  const failures = [...problems.lines];
  for (const [name, value] of Object.entries(shares)) {
    if (value < LEAST_SHARE) failures.push(`only ${percent(value)} of the events came by ${name}`);
  }
  if (outcome.caughtUpMs === undefined) failures.push("not every client had everything in time");
  const happened = { events: verdict.events, disconnects: cuts, kills: server.kills };
  for (const [name, asked] of Object.entries({
    events: options.events,
    disconnects: options.disconnects,
    kills: options.kills,
  })) {
    const had = happened[name as keyof typeof happened];
    if (had < asked * LEAST_OF_ASKED) failures.push(`only ${had} ${name} of ${asked} that were to be`);
  }
  if (book.acknowledged === 0 || churn.joins === 0 || churn.kicks === 0)
    failures.push("nobody has written, joined or been kicked");
  const switches = sum(app.clients.map(({ switches }) => switches));
  if (switches === 0) failures.push("nobody has changed the transport");
  const repeated = sum(app.clients.map((log) => log.repeated));
  if (repeated === 0) failures.push("no event was repeated to a client");
  const { starts, told, excused, covered, open, closed } = verdict.resyncs;
  const shortCuts = sum(app.clients.map((log) => log.shortCuts));
  if (presences.connected === 0) failures.push("nobody was seen online");
  // It takes a node that has been well for 19 s to judge it.
  if (options.nodes > 1 && options.seconds >= 600 && presences.dead === 0)
    failures.push("nobody was looked at who went with their server");
  if (presence.looks === 0 || presence.online === 0) failures.push("presence was never looked at");
  if (options.seconds >= 240 && presence.departures < LEAST_DEPARTURES)
    failures.push(`only ${presence.departures} departures were told`);
  if (options.seconds >= 240 && shortCuts < LEAST_SHORT_CUTS)
    failures.push(`only ${shortCuts} cuts were shorter than the grace`);
  if (options.seconds >= 120 && presence.agreed === presence.online)
    failures.push("presence of people who had gone was never looked at");
  // One comes every 15 s, and some of them hit clients that poll.
  if (options.seconds >= 120 && !wire.cuts.slow) failures.push("nobody has read too slowly");
  if (options.seconds >= 120 && closed === 0) failures.push("no message was closed to a reader who came back");
  if (server.movesClock && server.clockJumps === 0) failures.push("the clock was never set");
  for (const why of WHYS) if (!told[why]) failures.push(`no RESYNC was told with why: ${why}`);
  const excusedShare = excused === 0 ? 0 : excused / (verdict.expected + covered + excused);
  if (excusedShare > MOST_EXCUSED) failures.push(`${percent(excusedShare)} of the deliveries are excused`);
  const features = featuresReport(outcome);
  failures.push(...features.failures);
  const cutKinds = Object.entries(wire.cuts).map(([kind, count]) => `${count} ${kind}`);
  const closes: Record<string, number> = {};
  for (const log of wire.clients) {
    for (const [code, count] of Object.entries(log.closes)) closes[code] = (closes[code] ?? 0) + count;
  }
  return {
    failures,
    figures: {
      seed: options.seed,
      commit,
      "duration, s": Math.round(outcome.durationMs / 1000),
      "of which with faults, s": Math.round(outcome.faultsMs / 1000),
      clients: wire.clients.length,
      "events in the log": verdict.events,
      "messages acknowledged": book.acknowledged,
      "messages refused": book.refused,
      "messages recalled": book.recalls,
      "other commands acknowledged": book.commands,
      "requests tried again": outcome.retries,
      "deliveries due": verdict.expected,
      "deliveries made": verdict.delivered,
      lost: problems.count(LOST),
      duplicated: problems.count(DUPLICATED),
      reordered: problems.count(REORDERED),
      "starts judged": starts,
      "RESYNCs missing, not due": `${problems.count(NO_RESYNC)}, ${problems.count(UNDUE_RESYNC)}`,
      "RESYNCs told": WHYS.map((why) => `${told[why] ?? 0} ${why}`).join(", "),
      "deliveries excused, from before a return": `${excused} (${percent(excusedShare)})`,
      "deliveries covered by state": covered,
      "messages missed so, in the history": open,
      "messages missed so, closed (404)": closed,
      ...Object.fromEntries(Object.entries(shares).map(([name, value]) => [`came by ${name}`, percent(value)])),
      "came again on the wire": of(({ repeats }) => repeats),
      "repeated to clients behind the wire": repeated,
      "connections opened, polls answered": TRANSPORTS.map(
        (name) => `${of(({ opened }) => opened[name])} ${name}`,
      ).join(", "),
      "forced disconnects": cuts,
      "  of which": cutKinds.join(", "),
      "closed by the server": Object.entries(closes)
        .map(([code, count]) => `${count} with ${code}`)
        .join(", "),
      "switches of transport": switches,
      "presence differs": problems.count(WRONG_PRESENCE),
      "presence looked at, beliefs right": `${presence.looks}, ${presence.agreed} (${presence.online} of people online)`,
      "seen on servers: connected, gone with a server, gone": `${presences.connected}, ${presences.dead}, ${presences.gone}`,
      "nobody online after the end, ms": presences.emptyMs === undefined ? "never" : Math.round(presences.emptyMs),
      "departures told, cuts shorter than the grace": `${presence.departures}, ${shortCuts}`,
      "kills (SIGKILL)": server.kills,
      "drains (SIGTERM)": server.drains,
      "jumps of the clock": server.clockJumps,
      ...server.more,
      "joins, kicks, leaves": `${churn.joins}, ${churn.kicks}, ${churn.leaves}`,
      "returns at once": churn.rejoins,
      "rooms dissolved": churn.dissolved,
      ...features.figures,
      "longest time not live, ms": Math.max(...app.clients.map(({ longestAwayMs }) => longestAwayMs)),
      "caught up after the end, ms": outcome.caughtUpMs === undefined ? "never" : Math.round(outcome.caughtUpMs),
    },
  };
}

export function printed({ figures }: Report): string {
  const width = Math.max(...Object.keys(figures).map((name) => name.length));
  return Object.entries(figures)
    .map(([name, value]) => `${name.padEnd(width)}  ${value}`)
    .join("\n");
}

function percent(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}
