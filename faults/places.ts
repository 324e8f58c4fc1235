import type { Database } from "bun:sqlite";

const MESSAGE = 4;

/** The cursor's text, taken apart: `<epoch>;<stream>@<seq>,…`, where `*` is the position that stands for all others. */
export function cursorParts(cursor: string): { epoch: string; floor: number; seqs: ReadonlyMap<string, number> } {
  const [epoch = "", entries = ""] = cursor.split(";");
  const seqs = new Map<string, number>();
  for (const entry of entries.split(",").filter(Boolean)) {
    const [stream = "", seq] = entry.split("@");
    seqs.set(stream, Number(seq));
  }
  return { epoch, floor: seqs.get("*") ?? 0, seqs };
}

/** Where the events of a few streams stand in the log, read once: what is asked of it is asked very often. */
export class Places {
  readonly #streams = new Map<string, { readonly pos: number[]; readonly isMessage: boolean[] }>();

  constructor(db: Database, streams: Iterable<string>) {
    const query = db.query<{ pos: number; type: number }, [string]>(
      "select pos, type from events where stream = ? order by seq",
    );
    for (const stream of streams) {
      const rows = query.all(stream);
      this.#streams.set(stream, {
        pos: rows.map(({ pos }) => pos),
        isMessage: rows.map(({ type }) => type === MESSAGE),
      });
    }
  }

  get streams(): string[] {
    return [...this.#streams.keys()];
  }

  /** Infinity: there is none yet. */
  posOf(stream: string, seq: number): number {
    return this.#streams.get(stream)?.pos[seq - 1] ?? Number.POSITIVE_INFINITY;
  }

  /** The id of the message that the event is about, which is its position. */
  messageAt(stream: string, seq: number): number | undefined {
    return this.#streams.get(stream)?.isMessage[seq - 1] ? this.posOf(stream, seq) : undefined;
  }

  /** The newest seq of a stream, as the log was when it ended at `pos`. */
  headAt(stream: string, pos: number): number {
    const places = this.#streams.get(stream)?.pos ?? [];
    let [low, high] = [0, places.length];
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((places[middle - 1] as number) <= pos) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Up to where a cursor goes in a stream. */
  reach(cursor: string, stream: string): number {
    const { floor, seqs } = cursorParts(cursor);
    return Math.max(seqs.get(stream) ?? 0, this.headAt(stream, floor));
  }
}
