import { roomOfStream, roomStream } from "@parley/protocol";
import type { Reply } from "./api.ts";
import type { ResyncData } from "./attempt.ts";
import type { KeptCursor } from "./cursors.ts";
import { ParleyError } from "./http.ts";

/** What has to be read anew. */
export interface ReloadRequest {
  /** All state; else that of these rooms, and of nothing else. */
  readonly everything: boolean;
  readonly roomIds: readonly number[];
}

/**
 * What was read. Events up to there are not delivered: `asOf` is the oldest cursor of the replies (used where everything was read);
 * `seq` of a room is the newest event that its state contains.
 */
export interface Reloaded {
  readonly asOf: string;
  readonly rooms: readonly { readonly id: number; readonly seq: number | null }[];
}

/** What the client reads by itself, and `state-reloaded` brings. */
export interface ReloadedState extends Reloaded, ReloadRequest {
  readonly rooms: readonly (Reply<"GET /rooms">["items"][number] | Reply<"GET /rooms/{id}">)[];
  /** Null where only rooms were read. */
  readonly unread: Reply<"GET /unread"> | null;
  readonly me: Reply<"GET /me"> | null;
}

export type Reload = (what: ReloadRequest, signal: AbortSignal) => Promise<Reloaded>;

/** A room can be continued alone; for every other stream all state is read, since its events may be about anything. */
export function reloadRequest(resyncs: readonly Pick<ResyncData, "stream">[]): ReloadRequest {
  const ids = resyncs.map(({ stream }) => roomOfStream(stream));
  const everything = ids.includes(undefined);
  return { everything, roomIds: everything ? [] : [...new Set(ids as number[])] };
}

/** The cursor goes on behind what was read. */
export function continueAfter(
  cursor: KeptCursor,
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

type Read = <R extends "GET /rooms" | "GET /rooms/{id}" | "GET /unread" | "GET /me">(
  route: R,
  args: object,
) => Promise<Reply<R>>;

/** Reads what every product shows: the rooms with their last messages, what is unread, and who one is. */
export async function readState(read: Read, what: ReloadRequest): Promise<ReloadedState> {
  if (!what.everything) {
    const rooms = [];
    for (const id of what.roomIds) {
      // A room that is gone, or closed to this reader, has no state.
      const room = await read("GET /rooms/{id}", { path: { id } }).catch((error: unknown) => {
        if (error instanceof ParleyError && (error.status === 404 || error.status === 403)) return undefined;
        throw error;
      });
      if (room) rooms.push(room);
    }
    return { ...what, asOf: rooms[0]?.asOf ?? "", rooms, unread: null, me: null };
  }
  const rooms = [];
  let asOf: string | undefined;
  for (let cursor: string | null | undefined; cursor !== null; ) {
    const page = await read("GET /rooms", { query: { cursor, limit: 100 } });
    // The oldest one: what came later than the first page comes again, but for rooms that were read later than it.
    asOf ??= page.asOf;
    rooms.push(...page.items);
    cursor = page.nextCursor;
  }
  const unread = await read("GET /unread", {});
  const me = await read("GET /me", {});
  return { ...what, asOf: asOf as string, rooms, unread, me };
}
