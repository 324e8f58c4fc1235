import { CAPS } from "../limits/caps.ts";
import type { Whose } from "./share.ts";

/** A batch is one sync of the disk; more than this delays its first write more than it helps. */
const BATCH_REQUESTS = CAPS.batchRequests.count;
/** A batch of more would hold up everybody else's next one. */
const BATCH_ROWS = CAPS.batchRows.count;
/** About half a second of work for a good disk. More waiting would answer later than callers wait. */
const WAITING_ROWS = CAPS.waitingRows.count;

export interface Queued {
  readonly by: Whose;
  readonly rows: number;
}

/** A write, and its number in the order of asking. */
interface Entry<T> {
  readonly item: T;
  readonly at: number;
}

/** What one person has waiting, in the order of asking. */
interface Line<T> {
  readonly entries: Entry<T>[];
  rows: number;
}

/**
 * Writes that wait, taken in turn by person: people who ask for much delay only themselves.
 *
 * - A batch has at most 256 requests and 2 000 rows. People have their turns one after another, with one request each, again and
 *   again until the batch is full. In the batch all are in the order of the requests, so each person's own are too.
 * - A request of more rows than a batch takes runs alone, and then others have their turn, if any wait. So everybody else waits for at most
 *   one large request.
 * - At most 20 000 rows wait. A person may have twice as many waiting as are still free: one person alone fills two thirds, and each
 *   further person leaves room for the next. The server's own work is never refused, since it bounds itself.
 *
 * Called for each write, so it does little: a look into a map, and no promise.
 */
export class WriteQueue<T extends Queued> {
  /** In the order of turns: the first one is the next. */
  readonly #lines = new Map<Whose, Line<T>>();
  #size = 0;
  #rows = 0;
  #offered = 0;
  #ranAlone = false;

  /** Requests that wait. */
  get size(): number {
    return this.#size;
  }

  /** Rows that wait. */
  get rows(): number {
    return this.#rows;
  }

  /** @returns whether it was taken in; if not, too much waits */
  offer(item: T): boolean {
    const { by, rows } = item;
    const line = this.#lines.get(by);
    const free = WAITING_ROWS - this.#rows;
    const fits = rows <= free && (line?.rows ?? 0) + rows <= 2 * free;
    // If nothing waits, anything may: otherwise it would never get a turn.
    if (!fits && by !== undefined && this.#size > 0) return false;
    const entry = { item, at: this.#offered++ };
    if (line) {
      line.entries.push(entry);
      line.rows += rows;
    } else this.#lines.set(by, { entries: [entry], rows });
    this.#size += 1;
    this.#rows += rows;
    return true;
  }

  /** The next batch; empty: nothing waits. */
  take(): T[] {
    const batch = this.#ranAlone ? this.#together() : this.#next();
    this.#ranAlone = false;
    return batch.length > 0 ? batch : this.#alone();
  }

  /** The request of the first in turn; it runs alone if it is large. */
  #next(): T[] {
    const first = this.#lines.values().next().value?.entries[0];
    return first && first.item.rows > BATCH_ROWS ? [] : this.#together();
  }

  #together(): T[] {
    const batch: Entry<T>[] = [];
    let rows = 0;
    // A line that has more goes to the end of the map, and comes again in the same walk. One whose turn it is but that does not
    // fit keeps its place in front.
    for (const [by, line] of this.#lines) {
      const { item } = line.entries[0] as Entry<T>;
      if (rows + item.rows > BATCH_ROWS) continue;
      rows += item.rows;
      if (batch.push(this.#takeOut(by, line)) === BATCH_REQUESTS) break;
    }
    return batch.sort((a, b) => a.at - b.at).map(({ item }) => item);
  }

  #alone(): T[] {
    const first = this.#lines.entries().next().value;
    if (!first) return [];
    const [by, line] = first;
    this.#ranAlone = true;
    return [this.#takeOut(by, line).item];
  }

  /** Takes the first one out of a line, whose turn is then over. */
  #takeOut(by: Whose, line: Line<T>): Entry<T> {
    const entry = line.entries.shift() as Entry<T>;
    const { rows } = entry.item;
    line.rows -= rows;
    this.#size -= 1;
    this.#rows -= rows;
    this.#lines.delete(by);
    if (line.entries.length > 0) this.#lines.set(by, line);
    return entry;
  }
}
