import type { Database } from "bun:sqlite";

const MESSAGE = 4;

/** A cursor, taken apart: `<epoch>;<stream>@<seq>,…`, where `*` is the position that stands for all streams not named. */
export interface CursorParts {
  readonly epoch: string;
  readonly floor: number;
  readonly seqs: ReadonlyMap<string, number>;
}

export function cursorParts(cursor: string): CursorParts {
  const [epoch = "", entries = ""] = cursor.split(";");
  const seqs = new Map<string, number>();
  for (const entry of entries.split(",").filter(Boolean)) {
    const [stream = "", seq] = entry.split("@");
    seqs.set(stream, Number(seq));
  }
  const floor = seqs.get("*") ?? 0;
  seqs.delete("*");
  return { epoch, floor, seqs };
}

/** Where the events of all streams are in the log. It is read once, because it is queried very often. */
export class Places {
  readonly #streams = new Map<string, { readonly pos: number[]; readonly isMessage: boolean[] }>();

  constructor(db: Database) {
    const rows = db.query<{ stream: string; pos: number; type: number }, []>(
      "select stream, pos, type from events order by pos",
    );
    for (const { stream, pos, type } of rows.iterate()) {
      let own = this.#streams.get(stream);
      if (!own) {
        own = { pos: [], isMessage: [] };
        this.#streams.set(stream, own);
      }
      own.pos.push(pos);
      own.isMessage.push(type === MESSAGE);
    }
  }

  /** The newest seq of a stream; 0 if it has none. */
  head(stream: string): number {
    return this.#streams.get(stream)?.pos.length ?? 0;
  }

  /** Infinity if there is none yet. */
  posOf(stream: string, seq: number): number {
    return this.#streams.get(stream)?.pos[seq - 1] ?? Number.POSITIVE_INFINITY;
  }

  /** The id of the message that the event is about, which is its position. */
  messageAt(stream: string, seq: number): number | undefined {
    return this.#streams.get(stream)?.isMessage[seq - 1] ? this.posOf(stream, seq) : undefined;
  }

  /** The newest seq of a stream when the log ended at `pos`. */
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

  /** How far a cursor goes in a stream: by its entry, or otherwise by its floor. */
  reach({ floor, seqs }: CursorParts, stream: string): number {
    return seqs.get(stream) ?? this.headAt(stream, floor);
  }
}
