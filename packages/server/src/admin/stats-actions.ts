import { ProblemError } from "../lib/problem.ts";
import { uptimeMs } from "../lib/uptime.ts";
import { VERSION } from "../lib/version.ts";
import { SIZES } from "../limits/sizes.ts";
import type { AdminContext } from "./admin-context.ts";
import type { TransportName } from "./live-connections.ts";
import { type Node, type NodeContext, type NodeNumbers, nodeHere, numbersHere } from "./node-here.ts";
import { SAMPLE_MS, type SeriesName, type SeriesPoint } from "./series.ts";

/** All nodes in numbers, as they are now. */
export interface Stats {
  /** Of the node that answers, as is its uptime. */
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
  /** The nodes that did not answer, whose numbers are missing. */
  readonly missingNodes: string[];
}

/** Costs a few short statements, and a count of all people once a minute. */
export async function getStats(context: AdminContext): Promise<Stats> {
  const { db, clock, presence, hallCount, questions } = context;
  const { answers, silent } = await questions.ask<NodeNumbers>("numbers");
  const nodes = [numbersHere(context), ...answers];
  const sum = (of: (node: NodeNumbers) => number) => nodes.reduce((total, node) => total + of(node), 0);
  const log = await db.selectFrom("log").select("pos").executeTakeFirst();
  const bans = await db
    .selectFrom("bans")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return {
    version: VERSION,
    uptimeSeconds: Math.floor(uptimeMs() / 1000),
    connections: {
      websocket: sum(({ connections }) => connections.websocket),
      sse: sum(({ connections }) => connections.sse),
      poll: sum(({ connections }) => connections.poll),
    },
    onlineNum: presence.count,
    people: await hallCount.read(db, clock.now()),
    logPosition: log?.pos ?? 0,
    bans: bans.count,
    residentBytes: sum(({ residentBytes }) => residentBytes),
    cpuSeconds: sum(({ cpuSeconds }) => cpuSeconds),
    missingNodes: silent.slice(0, SIZES.listedNodes.count),
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
export async function readSeries(
  { charts, clock }: Pick<AdminContext, "charts" | "clock">,
  { name, ...query }: SeriesQuery,
): Promise<{ name: SeriesName; stepSeconds: number; points: SeriesPoint[]; missingNodes: string[] }> {
  const to = query.to ?? clock.now() + 1;
  const from = query.from ?? to - HOUR_MS;
  if (from >= to) throw invalid("from", "must be before to");
  const sampleSeconds = SAMPLE_MS / 1000;
  const least = Math.max(sampleSeconds, Math.ceil((to - from) / 1000 / STEPS));
  const stepSeconds = query.step ?? least;
  if (stepSeconds < least)
    throw invalid("step", `must be at least ${least}, or there would be more than ${STEPS} points`);
  const { points, missingNodes } = await charts.read(name, { from, to, stepMs: stepSeconds * 1000 });
  return { name, stepSeconds, points, missingNodes: missingNodes.slice(0, SIZES.listedNodes.count) };
}

/** The one that answers comes first. */
export async function listNodes(context: NodeContext): Promise<{ items: Node[]; missingNodes: string[] }> {
  const { answers, silent } = await context.questions.ask<Node>("node");
  const items = [nodeHere(context), ...answers.map((node) => ({ ...node, self: false }))];
  return { items: items.slice(0, SIZES.listedNodes.count), missingNodes: silent.slice(0, SIZES.listedNodes.count) };
}

function invalid(path: string, message: string): ProblemError {
  return new ProblemError("invalid", `${path}: ${message}`, { extra: { errors: [{ path, message }] } });
}
