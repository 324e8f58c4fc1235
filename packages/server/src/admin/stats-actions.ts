import { nodeName } from "../lib/node-name.ts";
import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { VERSION } from "../lib/version.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import type { TransportName } from "./live-connections.ts";
import { cpuSeconds } from "./sampler.ts";
import { SAMPLE_MS, type SeriesName, type SeriesPoint } from "./series.ts";

/** This process in numbers, as it is now. */
export interface Stats {
  readonly version: string;
  readonly uptimeSeconds: number;
  readonly connections: Readonly<Record<TransportName, number>>;
  readonly onlineNum: number;
  readonly people: number;
  /** Position of the newest event of the log. */
  readonly logPosition: number;
  readonly bans: number;
  readonly residentBytes: number;
  readonly cpuSeconds: number;
}

/** Costs a few short statements, and a count of all people once a minute. */
export async function getStats({ db, clock, presence, hallCount, live }: AdminContext): Promise<Stats> {
  const log = await db.selectFrom("log").select("pos").executeTakeFirst();
  const bans = await db
    .selectFrom("bans")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return {
    version: VERSION,
    uptimeSeconds: Math.floor(uptimeMs() / 1000),
    connections: live.counts(),
    onlineNum: presence.count,
    people: await hallCount.read(db, clock.now()),
    logPosition: log?.pos ?? 0,
    bans: bans.count,
    residentBytes: process.memoryUsage.rss(),
    cpuSeconds: cpuSeconds(),
  };
}

export interface SeriesQuery {
  readonly name: SeriesName;
  /** Epoch milliseconds; undefined: an hour before `to`. */
  readonly from: number | undefined;
  /** Not part of it; undefined: now. */
  readonly to: number | undefined;
  /** In seconds; undefined: the smallest step that gives no more points than allowed. */
  readonly step: number | undefined;
}

const HOUR_MS = 3_600_000;
const STEPS = SIZES.seriesPoints.count;

/** @throws ProblemError `invalid` for a time that ends before it begins, and for more steps than allowed */
export function readSeries(
  { series, clock }: Pick<AdminContext, "series" | "clock">,
  { name, ...query }: SeriesQuery,
): { name: SeriesName; stepSeconds: number; points: SeriesPoint[] } {
  const to = query.to ?? clock.now() + 1;
  const from = query.from ?? to - HOUR_MS;
  if (from >= to) throw invalid("from", "must be before to");
  const sampleSeconds = SAMPLE_MS / 1000;
  const least = Math.max(sampleSeconds, Math.ceil((to - from) / 1000 / STEPS));
  const stepSeconds = query.step ?? least;
  if (stepSeconds < least)
    throw invalid("step", `must be at least ${least}, or there would be more than ${STEPS} points`);
  return { name, stepSeconds, points: series.read(name, { from, to, stepMs: stepSeconds * 1000 }) };
}

/** A process of this installation. */
export interface Node {
  readonly id: string;
  readonly version: string;
  readonly startedAt: number;
  readonly connections: number;
  readonly onlineNum: number;
  /** The one that answers. */
  readonly self: boolean;
}

/** This one alone. */
export function listNodes({ clock, live, presence }: Pick<AdminContext, "clock" | "live" | "presence">): Node[] {
  const { websocket, sse, poll } = live.counts();
  const startedAt = Math.round(clock.now() - uptimeMs());
  const connections = websocket + sse + poll;
  return [{ id: nodeName(), version: VERSION, startedAt, connections, onlineNum: presence.count, self: true }];
}

function invalid(path: string, message: string): ProblemError {
  return new ProblemError("invalid", `${path}: ${message}`, { extra: { errors: [{ path, message }] } });
}
