import { parseCursor } from "@parley/protocol/cursor";
import type { Push, PushData } from "@parley/protocol/events";
import { roomOfStream, roomStream } from "@parley/protocol/streams";
import { ParleyError } from "../api/parley-error.ts";
import type { Reply } from "../api/routes.ts";
import type { ClientCursor } from "./client-cursor.ts";

export type ResyncData = PushData[typeof Push.RESYNC];

/** What has to be read anew. */
export interface ReloadRequest {
  /** Everything; otherwise only the state of these rooms. */
  readonly everything: boolean;
  readonly roomIds: readonly number[];
}

/**
 * What was read. Events up to there are not delivered: `asOf` is the oldest cursor of the replies (used if everything was read);
 * `seq` of a room is the newest event that its state contains.
 */
export interface Reloaded {
  readonly asOf: string;
  readonly rooms: readonly { readonly id: number; readonly seq: number | null }[];
}

/** What the client reads by itself and passes on by `state-reloaded`. */
export interface ReloadedState extends Reloaded, ReloadRequest {
  readonly rooms: readonly (Reply<"GET /rooms">["items"][number] | Reply<"GET /rooms/{id}">)[];
  /** Null if only rooms were read. */
  readonly unread: Reply<"GET /unread"> | null;
  readonly me: Reply<"GET /me"> | null;
}

export type Reload = (what: ReloadRequest, signal: AbortSignal) => Promise<Reloaded>;

/** A room can be continued alone; for every other stream all state is read, because its events may be about anything. */
export function reloadRequest(resyncs: readonly Pick<ResyncData, "stream">[]): ReloadRequest {
  const ids = resyncs.map(({ stream }) => roomOfStream(stream));
  const everything = ids.includes(undefined);
  return { everything, roomIds: everything ? [] : [...new Set(ids as number[])] };
}

/** @throws Error if a product's own `reload` has returned something other than state */
export function checkReloaded({ everything }: ReloadRequest, { asOf, rooms }: Reloaded): void {
  for (const { id } of rooms) roomStream(id);
  if (everything) parseCursor(asOf);
}

/** The cursor continues after what was read. */
export function continueAfter(
  cursor: ClientCursor,
  { everything }: ReloadRequest,
  from: { reloaded: Reloaded; resyncs: readonly ResyncData[] },
): void {
  const { asOf, rooms } = from.reloaded;
  const seqs = new Map(rooms.map(({ id, seq }) => [roomStream(id) as string, seq ?? 0]));
  if (everything) {
    cursor.restart(asOf);
    for (const [stream, seq] of seqs) cursor.stateHas(stream, seq);
    return;
  }
  for (const { stream, seq = 0 } of from.resyncs) cursor.goOnAfter(stream, Math.max(seq, seqs.get(stream) ?? 0));
}

type Read = <R extends "GET /rooms" | "GET /rooms/{id}" | "GET /me" | "GET /unread">(
  route: R,
  args: object,
) => Promise<Reply<R>>;

/** How often the pages are read, at most, while something happens between them. */
const READS_AT_MOST = 5;

/**
 * Reads what every product shows: the rooms with their last messages, what is unread, and the signed-in user. Unread is counted from the
 * rooms and not requested: it has to be from the moment after which events continue, or the events in between would count twice. The
 * counters of notifications and friend requests are requested; RED_DOT, with which the next connection begins, repeats them.
 */
export async function readState(read: Read, what: ReloadRequest): Promise<ReloadedState> {
  if (!what.everything) {
    const rooms = [];
    for (const id of what.roomIds) {
      // A room that no longer exists, or is closed to this reader, has no state.
      const room = await read("GET /rooms/{id}", { path: { id } }).catch((error: unknown) => {
        if (error instanceof ParleyError && /^(not_found|forbidden)$/.test(error.code)) return undefined;
        throw error;
      });
      if (room) rooms.push(room);
    }
    return { ...what, asOf: rooms[0]?.asOf ?? "", rooms, unread: null, me: null };
  }
  let { asOf, rooms, isOneMoment } = await readRooms(read);
  for (let reads = 1; !isOneMoment && reads < READS_AT_MOST; reads++) {
    ({ asOf, rooms, isOneMoment } = await readRooms(read));
  }
  const me = await read("GET /me", {});
  const dots = rooms
    .filter(({ unread }) => unread > 0)
    .map(({ id, unread }) => ({ roomId: id, unread }))
    .sort((a, b) => a.roomId - b.roomId);
  const total = dots.reduce((sum, { unread }) => sum + unread, 0);
  const unread = { ...(await read("GET /unread", {})), total, rooms: dots, asOf };
  return { ...what, asOf, rooms, unread, me };
}

type Conversations = Reply<"GET /rooms">["items"];

/** `asOf` is the first page's. Pages of different moments may miss a room that moved to the top meanwhile. */
async function readRooms(read: Read): Promise<{ asOf: string; rooms: Conversations; isOneMoment: boolean }> {
  const rooms = new Map<number, Conversations[number]>();
  const moments = new Set<string>();
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page: Reply<"GET /rooms"> = await read("GET /rooms", { query: { cursor, limit: 100 } });
    moments.add(page.asOf);
    for (const room of page.items) rooms.set(room.id, room);
    cursor = page.nextCursor;
  }
  const [asOf = ""] = moments;
  return { asOf, rooms: [...rooms.values()], isOneMoment: moments.size === 1 };
}
