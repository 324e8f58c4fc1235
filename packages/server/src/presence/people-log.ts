import type { PersonNews } from "./own-people.ts";

/**
 * One person in a message: `[uid, went]` when they have gone, otherwise `[uid, came, connections, since]` and, where polls hang,
 * `polls, pollingSince`. Times of going and coming are epoch milliseconds, the others count from the start of the node that sends.
 */
export type PersonRow = readonly number[];

/** The changes of the versions after `from` and up to `to`, each person once, as they are now. */
export interface PeopleChunk {
  readonly from: number;
  readonly to: number;
  /** The version that the node has reached, as far as this message wants the others to know. */
  readonly newest: number;
  readonly people: readonly PersonRow[];
  /** Set at the beginning of everything, told anew: those who went before this version are no longer named. */
  readonly forgot?: number;
  /** Nothing more follows by itself: a node that is still behind asks again. */
  readonly end?: true;
}

/** People in one message: it fits into 7 KB, the most that PostgreSQL carries. */
export const CHUNK_PEOPLE = 100;
/** Messages that answer one question; whoever lacks more asks again, at its own pace. */
export const CHUNKS_AT_ONCE = 20;
/** People who have gone and are still named, so that a node that lacks little need not be told everything. */
const GONE_MAX = 10_000;

interface Entry {
  readonly version: number;
  readonly row: PersonRow;
}

/** What this node tells of its people, by versions: each change has the next one, and each person stands at their newest change. */
export class PeopleLog {
  /** By uid, in the order of versions. */
  readonly #entries = new Map<number, Entry>();
  readonly #goneMax: number;
  #version = 0;
  #gone = 0;
  /** People who went at this version or before are not named any more. */
  #forgotten = 0;

  constructor(goneMax = GONE_MAX) {
    this.#goneMax = goneMax;
  }

  get version(): number {
    return this.#version;
  }

  /** Notes what has changed, each person once. @returns what to tell those who know everything before it; nothing where it is known already */
  take(changes: Iterable<PersonNews>): PeopleChunk[] {
    const chunks: PeopleChunk[] = [];
    let from = this.#version;
    let people: PersonRow[] = [];
    const add = () => {
      if (people.length > 0) chunks.push({ from, to: this.#version, newest: this.#version, people });
      from = this.#version;
      people = [];
    };
    for (const news of changes) {
      const row = this.#note(news);
      if (row) people.push(row);
      if (people.length === CHUNK_PEOPLE) add();
    }
    add();
    return chunks;
  }

  /** No other node is left, so what changes is not noted until there is one: then everything is told anew. */
  clear(): void {
    this.#entries.clear();
    this.#gone = 0;
    this.#version += 1;
    this.#forgotten = this.#version;
  }

  /**
   * What a node lacks that knows everything up to `after`.
   * @param safe nobody whom that node names has gone before this version without its knowing
   */
  since({ after, safe }: { after: number; safe: number }): PeopleChunk[] {
    const anew = safe < this.#forgotten;
    const chunks: PeopleChunk[] = [];
    let from = anew ? 0 : after;
    let people: PersonRow[] = [];
    const add = (to: number) => {
      const begins = anew && from === 0 ? { forgot: this.#forgotten } : {};
      chunks.push({ from, to, newest: this.#version, people, ...begins });
      people = [];
      from = to;
    };
    for (const { version, row } of this.#entries.values()) {
      if (version <= from) continue;
      people.push(row);
      if (people.length < CHUNK_PEOPLE) continue;
      add(version);
      if (chunks.length === CHUNKS_AT_ONCE) break;
    }
    if (chunks.length < CHUNKS_AT_ONCE) add(this.#version);
    const last = chunks.pop() as PeopleChunk;
    return [...chunks, { ...last, end: true }];
  }

  #note(news: PersonNews): PersonRow | undefined {
    const row = rowOf(news);
    const before = this.#entries.get(news.uid);
    if (before ? saysTheSame(before.row, row) : isGone(row)) return undefined;
    if (before && isGone(before.row)) this.#gone -= 1;
    if (isGone(row)) this.#gone += 1;
    this.#version += 1;
    this.#entries.delete(news.uid);
    this.#entries.set(news.uid, { version: this.#version, row });
    if (this.#gone > this.#goneMax) this.#forgetGone();
    return row;
  }

  #forgetGone(): void {
    for (const [uid, { version, row }] of this.#entries) {
      if (!isGone(row)) continue;
      this.#entries.delete(uid);
      this.#gone -= 1;
      this.#forgotten = version;
      if (this.#gone <= this.#goneMax / 2) return;
    }
  }
}

export function isGone(row: PersonRow): boolean {
  return row.length === 2;
}

function rowOf(news: PersonNews): PersonRow {
  if ("went" in news) return [news.uid, news.went];
  const { connections, since, polls, pollingSince } = news.load;
  const own = [news.uid, news.came, connections, Math.round(since)];
  return polls === 0 ? own : [...own, polls, Math.round(pollingSince)];
}

/** Somebody who polls has a new waiting poll all the time; its age says something only where there are several. */
function saysTheSame(a: PersonRow, b: PersonRow): boolean {
  if (a.length !== b.length) return false;
  const compared = a.length === 6 && a[4] === 1 ? 5 : a.length;
  for (let i = 0; i < compared; i++) if (a[i] !== b[i]) return false;
  return true;
}
