import type { Moments } from "./moments.ts";
import { cursorParts } from "./places.ts";
import type { Problems } from "./problems.ts";
import { type Asked, type ResyncFrame, type Span, UNDUE_RESYNC, whatIsWrong } from "./resync-due.ts";
import { type Trouble, wasTroubled } from "./troubles.ts";
import type { WireLog, WireStart } from "./wire-log.ts";

/** One process of the server, from just before its start to just before its end. Times are those of `monotonic-clock.ts`. */
export interface ServerLife {
  readonly node: number;
  readonly from: number;
  readonly to: number;
}

export interface StartsContext extends Omit<Asked, "cursor" | "max"> {
  readonly name: string;
  readonly epoch: string;
  readonly moments: Moments;
  readonly lives: readonly ServerLife[];
  readonly troubles: readonly Trouble[];
  readonly problems: Problems;
}

/**
 * Judges everything that a client got at its starts, whether or not it reached the application.
 * @returns how many could be judged
 */
export function checkStarts({ starts, lateResyncs }: WireLog, context: StartsContext): number {
  const { name, problems, epoch } = context;
  let judged = 0;
  for (const start of starts) {
    const frames = framesOf(start);
    const kept = keptFor(start, context);
    if (kept === "perhaps" && frames.length === 0) continue;
    judged += 1;
    const text = `${name} ${start.transport} at ${Math.round(start.askedAt)} on server ${start.node} from ${start.cursor} (max ${start.max}): ${JSON.stringify(frames)}`;
    if (kept === "surely") {
      if (frames.length > 0) problems.add(UNDUE_RESYNC, `${text}: a poll that went on where the last one had ended`);
      continue;
    }
    const { max, whole } = start;
    const asked = { ...context, cursor: cursorParts(start.cursor), max };
    const span = spanOf(start, context);
    const wrong = whatIsWrong(asked, { frames, whole }, { span, epoch });
    if (wrong) problems.add(wrong.kind, `${text}: ${wrong.why}, when the log ended at ${span.from} to ${span.to}`);
  }
  for (const late of lateResyncs) problems.add(UNDUE_RESYNC, `${name}: ${late} in the middle of a connection`);
  return judged;
}

export function framesOf({ resyncs }: Pick<WireStart, "resyncs">): ResyncFrame[] {
  return resyncs.map((text) => (JSON.parse(text) as { data: ResyncFrame }).data);
}

/**
 * The server reads what is due from the database, after it has the request and before it answers. What had been
 * answered to anybody before the request is in it, and so is what the cursor has; what was first asked for after the answer is not.
 */
function spanOf({ askedAt, answeredAt, cursor }: WireStart, { moments, places, epoch }: StartsContext): Span {
  let from = moments.atLeast(askedAt);
  const { floor, seqs, epoch: own } = cursorParts(cursor);
  if (own === epoch) {
    for (const pos of [floor, ...[...seqs].map(([stream, seq]) => places.posOf(stream, seq))]) {
      if (pos !== Number.POSITIVE_INFINITY) from = Math.max(from, pos);
    }
  }
  return { from, to: Math.max(from, moments.atMost(answeredAt)) };
}

/** Whether the poll goes on with a reader that the server has kept, which gets no RESYNC. */
function keptFor(
  { kept, askedAt, node }: WireStart,
  { lives, troubles }: Pick<StartsContext, "lives" | "troubles">,
): "no" | "perhaps" | "surely" {
  const own = lives.filter((life) => life.node === node);
  const isBetween = (at: number) => kept !== undefined && at > kept.since && at <= askedAt;
  if (!kept || own.some(({ from }) => isBetween(from))) return "no";
  // A server that loses its place in the cluster begins anew, and keeps no reader.
  const isSure = kept.isSure && !wasTroubled(troubles, node, { from: kept.since, to: askedAt });
  return isSure && !own.some(({ to }) => isBetween(to)) ? "surely" : "perhaps";
}
