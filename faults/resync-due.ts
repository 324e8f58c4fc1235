import type { Windows } from "./log-windows.ts";
import { lastFor, type Memberships } from "./memberships.ts";
import type { CursorParts, Places } from "./places.ts";
import { Ranges, sizeOf } from "./ranges.ts";

export const NO_RESYNC = "RESYNC missing";
export const UNDUE_RESYNC = "RESYNC not due";

export interface ResyncFrame {
  readonly stream: string;
  readonly why: string;
  readonly seq?: number;
  readonly cursor?: string;
}

/** A reader who asks: what they may read, where they go on from, and how many missed events they want one by one. */
export interface Asked {
  readonly places: Places;
  readonly windows: Windows;
  readonly memberships: Memberships;
  readonly cursor: CursorParts;
  readonly max: number;
}

/** The RESYNCs that came at a start. `whole`: no more of them can have followed. */
export interface Told {
  readonly frames: readonly ResyncFrame[];
  readonly whole: boolean;
}

/** The end of the log that the server looked at lay between these positions, both included. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

export interface Wrong {
  readonly kind: typeof NO_RESYNC | typeof UNDUE_RESYNC;
  readonly why: string;
}

/** If there are more streams than this, they are not named one by one. */
const MOST_NAMED = 100;

/**
 * By stream, with the seq that RESYNC `rejoined` has to name: the rooms that the reader had come back to when the log ended at
 * `pos`, and whose last leaving before that lies behind the cursor.
 */
function rejoinedAt({ memberships, cursor }: Pick<Asked, "memberships" | "cursor">, pos: number): Map<string, number> {
  const due = new Map<string, number>();
  for (const [stream, own] of memberships) {
    const present = own.findLastIndex(({ joined }) => joined.pos <= pos);
    const before = own[present - 1]?.left;
    if (!before) continue;
    const entry = cursor.seqs.get(stream);
    const isMissed = entry === undefined ? cursor.floor < before.pos : entry < before.seq;
    if (isMissed) due.set(stream, (own[present]?.joined.seq ?? 0) - 1);
  }
  return due;
}

/** What is wrong with the RESYNCs of a start, by the rules of SPEC; undefined if they are right for some end of the log in the span. */
export function whatIsWrong(
  asked: Asked,
  told: Told,
  { span, epoch }: { span: Span; epoch: string },
): Wrong | undefined {
  if (asked.cursor.epoch !== epoch) return wrongForEpoch(told, epoch);
  const found: Wrong[] = [];
  for (const pos of momentsIn(asked, span)) {
    const wrong = wrongAt(asked, told, { pos, epoch });
    if (!wrong) return undefined;
    found.push(wrong);
  }
  return found.find(({ kind }) => kind === UNDUE_RESYNC) ?? found[0];
}

function wrongForEpoch({ frames }: Told, epoch: string): Wrong | undefined {
  const [only] = frames;
  if (!only) return missing("its cursor is of another epoch");
  const isRight = frames.length === 1 && only.stream === "*" && only.why === "epoch";
  return isRight && only.cursor?.startsWith(`${epoch};`)
    ? undefined
    : undue("another epoch asks for one RESYNC, epoch");
}

/** Ends of the log within the span that may differ in what is due: the earliest, and each event behind it that counts. */
function momentsIn(asked: Asked, { from, to }: Span): number[] {
  const moments = [from];
  for (const own of asked.memberships.values()) {
    for (const { joined } of own) if (joined.pos > from && joined.pos <= to) moments.push(joined.pos);
  }
  if (!mayBeFar(asked)) return moments;
  const { places, windows } = asked;
  for (const stream of windows.keys()) {
    const last = places.headAt(stream, to);
    for (let seq = places.headAt(stream, from) + 1; seq <= last; seq++) moments.push(places.posOf(stream, seq));
  }
  return moments;
}

function mayBeFar({ windows, max }: Asked): boolean {
  return sum([...windows.values()].map(({ size }) => size)) > max;
}

function wrongAt(asked: Asked, { frames, whole }: Told, at: { pos: number; epoch: string }): Wrong | undefined {
  const { places } = asked;
  const rejoined = rejoinedAt(asked, at.pos);
  if (rejoined.size > MOST_NAMED) return wrongForAll(frames, at.epoch);
  if (new Set(frames.map(({ stream }) => stream)).size < frames.length) return undue("a stream is named twice");
  const far = new Set<string>();
  for (const { stream, why, seq } of frames) {
    const joining = rejoined.get(stream);
    if (why !== (joining === undefined ? "far" : "rejoined")) return undue(`${stream} asks for no ${why}`);
    if (joining !== undefined && seq === joining) continue;
    if (seq !== lastFor(asked.memberships, stream, places.headAt(stream, at.pos)))
      return undue(`${stream} does not go on after ${seq}`);
    far.add(stream);
  }
  if (whole) {
    const named = new Set(frames.map(({ stream }) => stream));
    for (const [stream, seq] of rejoined)
      if (!named.has(stream)) return missing(`${stream} was left, and rejoined after ${seq}`);
  }
  if (far.size === 0 && !mayBeFar(asked)) return undefined;
  return wrongFar(behindAt(asked, rejoined, at.pos), { far, whole, max: asked.max });
}

function wrongForAll(frames: readonly ResyncFrame[], epoch: string): Wrong | undefined {
  const [only] = frames;
  if (!only) return missing("more rooms were rejoined than are named one by one");
  const isRight = frames.length === 1 && only.stream === "*" && only.why === "rejoined";
  return isRight && only.cursor?.startsWith(`${epoch};`)
    ? undefined
    : undue("so many rooms ask for one RESYNC, rejoined");
}

/** How many events the reader is behind in each stream, as the log was when it ended at `pos`; after a return from there on. */
function behindAt(asked: Asked, rejoined: ReadonlyMap<string, number>, pos: number): Map<string, number> {
  const { places, windows, cursor } = asked;
  const behind = new Map<string, number>();
  for (const [stream, ranges] of windows) {
    const had = Math.max(places.reach(cursor, stream), rejoined.get(stream) ?? 0);
    const missed = new Ranges(ranges.without(new Ranges([[1, had]])));
    const later = missed.without(new Ranges([[1, Math.max(had, places.headAt(stream, pos))]]));
    behind.set(stream, missed.size - sizeOf(later));
  }
  return behind;
}

/** The furthest behind are named, as many as it takes for the rest to be no more than was asked for. */
function wrongFar(
  behind: ReadonlyMap<string, number>,
  { far, whole, max }: { far: ReadonlySet<string>; whole: boolean; max: number },
): Wrong | undefined {
  const counts = [...behind];
  const named = counts.filter(([stream]) => far.has(stream)).map(([, count]) => count);
  const rest = counts.filter(([stream]) => !far.has(stream)).map(([, count]) => count);
  const left = sum(rest);
  if (whole && left > max) return missing(`${left} events behind, and asked for ${max}`);
  if (named.length === 0) return undefined;
  const least = Math.min(...named);
  const isNeeded = whole ? left + least > max : left + sum(named) > max;
  return isNeeded && least >= Math.max(0, ...(whole ? rest : []))
    ? undefined
    : undue("the reader was not that far behind");
}

function missing(why: string): Wrong {
  return { kind: NO_RESYNC, why };
}

function undue(why: string): Wrong {
  return { kind: UNDUE_RESYNC, why };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((all, one) => all + one, 0);
}
