import { cursorParts, type Places } from "./places.ts";
import { Ranges, sizeOf } from "./ranges.ts";

export interface ResyncFrame {
  readonly stream: string;
  readonly why: string;
  readonly seq?: number;
  readonly cursor?: string;
}

/** Who asks: what he may read, from where he goes on, and how many events behind he wants one by one. */
export interface Asked {
  readonly places: Places;
  readonly may: ReadonlyMap<string, Ranges>;
  readonly cursor: string;
  readonly max: number;
}

/** How many events a cursor is behind in each stream, as the log was when it ended at `pos`. */
export function behindAt({ places, may, cursor }: Omit<Asked, "max">, pos: number): Map<string, number> {
  const behind = new Map<string, number>();
  for (const [stream, ranges] of may) {
    const had = places.reach(cursor, stream);
    const missed = new Ranges(ranges.without(new Ranges([[1, had]])));
    const later = missed.without(new Ranges([[1, Math.max(had, places.headAt(stream, pos))]]));
    behind.set(stream, missed.size - sizeOf(later));
  }
  return behind;
}

/** What is wrong with RESYNCs that came together, held against the log by the rules of SPEC (CUR-5, CUR-6); undefined: they were due. */
export function whyUndue(asked: Asked, frames: readonly ResyncFrame[], epoch: string): string | undefined {
  if (cursorParts(asked.cursor).epoch !== epoch) {
    const [only] = frames;
    const right = frames.length === 1 && only?.stream === "*" && only.why === "epoch";
    return right && only.cursor?.startsWith(`${epoch};`) ? undefined : "another epoch asks for one RESYNC, epoch";
  }
  const { places } = asked;
  const named = new Map(frames.map(({ stream, seq = 0 }) => [stream, seq]));
  if (frames.some(({ why }) => why !== "far") || named.size !== frames.length) return "only far could be due";
  // The log's end when they were written: each seq is the newest one of its stream.
  let [from, to] = [0, Number.POSITIVE_INFINITY];
  for (const [stream, seq] of named) {
    from = Math.max(from, places.posOf(stream, seq));
    to = Math.min(to, places.posOf(stream, seq + 1));
  }
  if (from >= to || from === Number.POSITIVE_INFINITY) return "the log never ended at these seqs";
  const ends = places.streams.flatMap((stream) => {
    const found = [];
    for (let seq = places.headAt(stream, from) + 1; places.posOf(stream, seq) < to; seq++) {
      found.push(places.posOf(stream, seq));
    }
    return found;
  });
  return [from, ...ends].some((end) => areFurthest(asked, named, end)) ? undefined : "he was not that far behind";
}

/** The furthest behind are named, as many as it takes for the rest to be no more than was asked for. */
function areFurthest(asked: Asked, named: ReadonlyMap<string, number>, end: number): boolean {
  const behind = [...behindAt(asked, end)];
  const told = behind.filter(([stream]) => named.has(stream)).map(([, count]) => count);
  const rest = behind.filter(([stream]) => !named.has(stream)).map(([, count]) => count);
  if (told.length !== named.size) return false;
  const left = rest.reduce((sum, count) => sum + count, 0);
  const least = Math.min(...told);
  return left <= asked.max && left + least > asked.max && least >= Math.max(0, ...rest);
}
