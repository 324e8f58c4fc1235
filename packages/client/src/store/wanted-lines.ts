import type { RoomReply } from "../api/api-types.ts";
import type { Reply } from "../api/routes.ts";
import type { Asking, Since } from "./asking.ts";
import { isUser } from "./names.ts";
import type { Notices } from "./notices.ts";
import { isBan, roomOf } from "./pushes.ts";
import type { StoredRoom } from "./room-after.ts";

/** How many rooms of one reading, at most, are read one by one because they are not in the list. */
const SINGLE_ROOMS_AT_MOST = 100;

export interface WantedLinesParts {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly isShown: (roomId: number) => boolean;
  readonly known: (roomId: number) => StoredRoom | undefined;
  /** What was found of these rooms, and the pages that they were in; the others are gone, or the user may not see them. */
  readonly place: (ids: ReadonlySet<number>, since: Since<Found>) => void;
}

type Page = Reply<"GET /rooms">;

export interface ReadLine {
  readonly line: StoredRoom;
  readonly asOf: string;
}

export interface Found {
  readonly lines: readonly ReadLine[];
  readonly pages: readonly Page[];
}

/** Single rooms whose lines of the list have to be read: rooms that the user joins, or whose events were missed. */
export class WantedLines {
  readonly #parts: WantedLinesParts;
  readonly #wanted = new Set<number>();
  /** The rooms that are being read. */
  #reading: ReadonlySet<number> = new Set();
  #isReading = false;
  #isHeld = false;

  constructor(parts: WantedLinesParts) {
    this.#parts = parts;
  }

  want(roomId: number): void {
    this.#wanted.add(roomId);
    // Rooms that are wanted in this turn are read together.
    queueMicrotask(() => void this.#read());
  }

  isReading(roomId: number): boolean {
    return this.#reading.has(roomId);
  }

  /** Waits while the whole list, which includes the single rooms, is on its way. */
  hold(): void {
    this.#isHeld = true;
  }

  live(): void {
    this.#isHeld = false;
    void this.#read();
  }

  clear(): void {
    this.#wanted.clear();
    this.#reading = new Set();
  }

  async #read(): Promise<void> {
    const { asking, notices, place } = this.#parts;
    if (this.#isReading || this.#isHeld || this.#wanted.size === 0) return;
    const { signal } = asking;
    const ids = new Set(this.#wanted);
    this.#wanted.clear();
    this.#reading = ids;
    this.#isReading = true;
    const since = await asking
      .untilItWorks(() =>
        asking.with(
          (push) => ids.has(roomOf(push) ?? 0) || isUser(push) || isBan(push),
          () => this.#linesOf(ids),
        ),
      )
      .catch(() => undefined);
    this.#isReading = false;
    this.#reading = new Set();
    if (since) notices.run(() => place(ids, since));
    // Where trying again now is of no use, the next connection does it.
    else if (!signal.aborted) for (const id of ids) this.#wanted.add(id);
    if (since || signal.aborted) void this.#read();
  }

  /** They are usually near the beginning of the list. A room that is not in it was left or dissolved, or the user may not see it. */
  async #linesOf(ids: Set<number>): Promise<Found> {
    const { asking, isShown } = this.#parts;
    const missing = new Set(ids);
    const lines: ReadLine[] = [];
    const pages: Page[] = [];
    for (let cursor: string | undefined | null; cursor !== null && missing.size > 0; ) {
      const page = await asking.request("GET /rooms", { query: { cursor, limit: 100 } });
      const found = page.items.filter(({ id }) => missing.delete(id)).map((line) => ({ ...line, isListed: true }));
      lines.push(...found.map((line) => ({ line, asOf: page.asOf })));
      pages.push(page);
      cursor = page.nextCursor;
    }
    const shownFirst = [...missing].sort((a, b) => Number(isShown(b)) - Number(isShown(a)));
    for (const id of shownFirst.slice(0, SINGLE_ROOMS_AT_MOST)) {
      const room = await asking.request("GET /rooms/{id}", { path: { id } }).catch((error: { code?: string }) => {
        if (error.code === "not_found" || error.code === "forbidden") return undefined;
        throw error;
      });
      const isIn = room && room.role !== null && room.dissolvedAt === null;
      // The user came back after that page of the list was read.
      if (isIn) this.#again(id, ids);
      else if (room) lines.push({ line: this.#asLeft(room), asOf: room.asOf });
    }
    return { lines, pages };
  }

  #again(id: number, ids: Set<number>): void {
    ids.delete(id);
    this.#wanted.add(id);
  }

  #asLeft({ asOf: _, ...room }: RoomReply): StoredRoom {
    const { lastMessage = null, readSeq = 0, pinned = false, muted = false } = this.#parts.known(room.id) ?? {};
    return { ...room, lastMessage, readSeq, pinned, muted, unread: 0, isListed: false };
  }
}
