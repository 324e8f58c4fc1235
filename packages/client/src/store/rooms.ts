import { floorOf } from "@parley/protocol/cursor";
import { Push } from "@parley/protocol/events";
import type { Conversation } from "../api/api-types.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import { ActivityOrder } from "./activity.ts";
import type { Asking, Since } from "./asking.ts";
import { hides, messageAfter, peopleIn, withNames } from "./message-changes.ts";
import { isUser, type Names } from "./names.ts";
import type { Notices } from "./notices.ts";
import type { Part } from "./part.ts";
import { type BanPush, isBan, isJoinOf, isLeavingOf, isOfRoom, roomOf, seqInRoom } from "./pushes.ts";
import { roomAfter, roomAfterOwn, type StoredRoom } from "./room-after.ts";
import { RoomIndex } from "./room-index.ts";
import type { View } from "./view.ts";
import { type Found, type ReadLine, WantedLines } from "./wanted-lines.ts";

/** How many rooms are kept that the user has left; the one that was left first is dropped first. */
const LEFT_ROOMS_AT_MOST = 100;

/** In how many rooms of the list the names are read again after a reconnect. */
const NAMES_OF_ROOMS = 200;

/** What has changed is the list, and not a single room. */
export const LIST = "list";

export interface RoomsParts {
  readonly asking: Asking;
  readonly notices: Notices;
  /** The user; 0 before they are known, when no room is known either. */
  readonly me: () => number;
  /** Somebody subscribes to something of the room. */
  readonly isShown: (roomId: number) => boolean;
  /** The user has joined a room, perhaps again: what was read of it before no longer counts. */
  readonly onEntered: (roomId: number) => void;
  readonly onLeft: (roomId: number) => void;
  /** The room is in the list and was not before: the server may now show what it refused. */
  readonly onListed: (roomId: number) => void;
  /** A room has changed, or the list has. */
  readonly onChange: (what: number | typeof LIST) => void;
  /** The number of unread messages in all rooms has changed. */
  readonly onUnread: (total: number) => void;
}

/**
 * The user's rooms: those in the list, in its order, and some that the user has left. An event changes one room; the list is sorted when
 * somebody asks for it. Each line knows by its `seq` which events it includes.
 */
export class Rooms implements Part {
  readonly #parts: RoomsParts;
  readonly #rooms = new Map<number, StoredRoom>();
  /** The position that a room's line was read at: an older reply that comes later is ignored. */
  readonly #readAt = new Map<number, number>();
  readonly #order = new ActivityOrder();
  readonly #index = new RoomIndex();
  readonly #listed = new Set<number>();
  /** Ids of the list in the order in which it was last asked for, and those that are new since then. */
  #sorted: number[] = [];
  readonly #added = new Set<number>();
  /** Undefined: the list has to be built again. */
  #list: readonly StoredRoom[] | undefined = [];
  #unread = 0;
  readonly #wanted: WantedLines;
  /** Unknown rooms that events named while the whole list was on its way; undefined: it is not on its way. */
  #unknown: Set<number> | undefined;

  constructor(parts: RoomsParts) {
    this.#parts = parts;
    this.#wanted = new WantedLines({
      ...parts,
      known: (roomId) => this.#rooms.get(roomId),
      place: (ids, since) => this.#placeWanted(ids, since),
    });
  }

  /** Newest activity first. The list is built when it is asked for, once for all that has changed. */
  readonly list: View<readonly StoredRoom[]>["getSnapshot"] = () => {
    if (this.#list) return this.#list;
    const stayed = this.#sorted.filter((id) => this.#listed.has(id) && !this.#added.has(id));
    this.#sorted = [...stayed, ...this.#added].sort((a, b) => this.#order.compare(a, b));
    this.#added.clear();
    this.#list = this.#sorted.map((id) => this.#rooms.get(id) as StoredRoom);
    return this.#list;
  };

  /** People whose names appear in the first rooms of the list. */
  people(): number[] {
    const first = this.list().slice(0, NAMES_OF_ROOMS);
    return first.flatMap(({ userId, lastMessage }) => [userId ?? [], ...peopleIn(lastMessage)]).flat();
  }

  of(roomId: number): StoredRoom | undefined {
    return this.#rooms.get(roomId);
  }

  /**
   * Reads the whole list. Its pages show different moments: each is combined with the events that came while it was on its way.
   * @throws ParleyError that only a change can mend
   */
  async load(): Promise<void> {
    const { asking } = this.#parts;
    const before = new Set(this.#listed);
    this.#unknown = new Set();
    this.#wanted.hold();
    let pos: number | undefined;
    let at = 0;
    for (let cursor: string | undefined | null; cursor !== null; ) {
      const ask = { query: { cursor, limit: 100 } };
      const { reply, pushes } = await asking.untilItWorks(() =>
        asking.with(
          (push) => roomOf(push) !== undefined || isUser(push) || isBan(push),
          () => asking.request("GET /rooms", ask),
        ),
      );
      pos ??= floorOf(reply.asOf);
      const from = { at, pos, asOf: reply.asOf };
      this.#parts.notices.run(() => this.#placePage(reply.items, { ...from, pushes }));
      for (const { id } of reply.items) before.delete(id);
      at += reply.items.length;
      cursor = reply.nextCursor;
    }
    const unknown = this.#unknown;
    this.#unknown = undefined;
    // Rooms that moved from page to page while these were read, and rooms that are gone.
    for (const id of [...unknown, ...before]) if (before.has(id) || !this.#rooms.has(id)) this.#wanted.want(id);
    this.#wanted.live();
  }

  /** What a client has read after a RESYNC for everything replaces the list. */
  reloaded(rooms: readonly Conversation[], asOf: string): void {
    const gone = new Set(this.#listed);
    this.#placePage(rooms, { at: 0, pos: floorOf(asOf), asOf, pushes: [] });
    for (const { id } of rooms) gone.delete(id);
    for (const id of gone) this.#wanted.want(id);
  }

  push(push: PushFrame): void {
    if (push.stream === undefined) return;
    if (isBan(push)) return this.#banned(push);
    const roomId = roomOf(push);
    if (roomId === undefined) return;
    if (push.type === Push.MESSAGE && isOfRoom(push)) this.#moved(this.#order.message(roomId, push.data.message.id));
    if (isJoinOf(push, this.#parts.me())) this.#moved(this.#order.joined(roomId, seqInRoom(push)));
    this.#apply(roomId, push);
  }

  renamed(names: Names): void {
    for (const [uid, { name, avatar }] of names) {
      const direct = this.#rooms.get(this.#index.directWith(uid) ?? 0);
      if (direct && (direct.name !== name || direct.avatar !== avatar)) this.#set({ ...direct, name, avatar });
      for (const id of this.#index.naming(uid)) {
        const room = this.#rooms.get(id) as StoredRoom;
        const lastMessage = room.lastMessage && withNames(room.lastMessage, names);
        if (lastMessage !== room.lastMessage) this.#set({ ...room, lastMessage });
      }
    }
  }

  /** Events of these rooms were missed for good. */
  missedRooms(roomIds: readonly number[]): void {
    for (const id of roomIds) this.#wanted.want(id);
  }

  live(): void {
    if (!this.#unknown) this.#wanted.live();
  }

  clear(): void {
    const ids = [...this.#rooms.keys()];
    this.#rooms.clear();
    this.#readAt.clear();
    this.#order.clear();
    this.#index.clear();
    this.#wanted.clear();
    this.#unknown = undefined;
    this.#listed.clear();
    this.#added.clear();
    this.#list = undefined;
    this.#unread = 0;
    this.#parts.onUnread(0);
    for (const id of ids) this.#parts.onChange(id);
    this.#parts.onChange(LIST);
  }

  /**
   * What a banned person wrote is hidden at once; when the ban ends, what was hidden has to be read.
   * @param placed only these rooms; without them all
   */
  #banned(push: BanPush, placed?: ReadonlySet<number>): void {
    const { uid } = push.data;
    for (const id of this.#index.naming(uid)) {
      const room = this.#rooms.get(id);
      if (!room?.lastMessage || placed?.has(id) === false) continue;
      const lastMessage = messageAfter(room.lastMessage, push, this.#parts.me());
      if (lastMessage !== room.lastMessage) this.#set({ ...room, lastMessage });
      if (push.type === Push.UNBLACK && hides(lastMessage, uid)) this.#wanted.want(id);
    }
  }

  #apply(roomId: number, push: PushFrame): void {
    // Events that come while a room is read are applied after the reply.
    if (this.#wanted.isReading(roomId)) return;
    const room = this.#rooms.get(roomId);
    const me = this.#parts.me();
    const isNumbered = isOfRoom(push) || push.type === Push.MEMBER_CHANGE;
    if (!isNumbered) {
      if (room) this.#set(roomAfterOwn(room, push));
      return;
    }
    const seq = seqInRoom(push);
    const head = room?.seq ?? 0;
    if (room && seq <= head) return;
    if (!room && this.#unknown) return void this.#unknown.add(roomId);
    if (isJoinOf(push, me)) return this.#wanted.want(roomId);
    if (!room) {
      // Nothing has to be known of a room that was left long ago.
      if (!isLeavingOf(push, me)) this.#wanted.want(roomId);
      return;
    }
    this.#set(roomAfter(room, push, { me, seq }));
    if (isLeavingOf(push, me)) this.#parts.onLeft(roomId);
    // Events in between are missing: the room is read, and until then it is shown as far as it is known.
    if (isOfRoom(push) && seq > head + 1 && room.isListed) this.#wanted.want(roomId);
  }

  #placePage(
    lines: readonly Conversation[],
    { at, pos, asOf, pushes }: { at: number; pos: number; asOf: string; pushes: readonly PushFrame[] },
  ): void {
    for (const [index, line] of lines.entries()) this.#order.listed(line, { at: at + index, pos });
    this.#place(
      lines.map((line) => ({ line: { ...line, isListed: true }, asOf })),
      pushes,
    );
  }

  /** Puts in lines that were read, with the events that came meanwhile. */
  #place(lines: readonly ReadLine[], pushes: readonly PushFrame[]): void {
    const placed = new Set<number>();
    for (const { line, asOf } of lines) {
      const pos = floorOf(asOf);
      if (pos < (this.#readAt.get(line.id) ?? 0)) continue;
      this.#readAt.set(line.id, pos);
      this.#set(line);
      placed.add(line.id);
    }
    for (const push of pushes) {
      const roomId = roomOf(push);
      if (roomId !== undefined && placed.has(roomId)) this.#apply(roomId, push);
      if (isBan(push)) this.#banned(push, placed);
      if (push.type === Push.USER) this.renamed(new Map([[push.data.uid, push.data]]));
    }
  }

  #placeWanted(ids: ReadonlySet<number>, { reply: { lines, pages }, pushes }: Since<Found>): void {
    const [first] = pages;
    const pos = first ? floorOf(first.asOf) : 0;
    for (const [at, row] of pages.flatMap(({ items }) => items).entries()) this.#order.listed(row, { at, pos });
    this.#place(lines, pushes);
    this.#moved(true);
    const found = new Set(lines.map(({ line }) => line.id));
    for (const id of ids) {
      if (found.has(id)) this.#parts.onEntered(id);
      else this.#forget(id);
    }
  }

  #set(room: StoredRoom): void {
    const { onChange, onUnread } = this.#parts;
    const before = this.#rooms.get(room.id);
    if (before === room) return;
    // A room that has been left now comes last among those that the user has left.
    if (!room.isListed) this.#rooms.delete(room.id);
    this.#rooms.set(room.id, room);
    this.#index.set(room.id, { direct: room.userId, named: peopleIn(room.lastMessage) });
    const [was, is] = [before?.isListed ?? false, room.isListed];
    const unread = (is ? room.unread : 0) - (was ? (before?.unread ?? 0) : 0);
    this.#unread += unread;
    if (unread !== 0) onUnread(this.#unread);
    if (is && !was) {
      this.#listed.add(room.id);
      this.#added.add(room.id);
    }
    if (was && !is) this.#unlist(room.id);
    onChange(room.id);
    if (is || was) this.#moved(true);
    if (is && !was) this.#parts.onListed(room.id);
  }

  #unlist(roomId: number): void {
    this.#listed.delete(roomId);
    this.#added.delete(roomId);
    this.#order.forget(roomId);
    const left = this.#rooms.size - this.#listed.size;
    if (left <= LEFT_ROOMS_AT_MOST) return;
    for (const [id, room] of this.#rooms) {
      if (room.isListed || this.#parts.isShown(id)) continue;
      return this.#forget(id);
    }
  }

  #forget(roomId: number): void {
    const room = this.#rooms.get(roomId);
    if (!room) return;
    if (room.isListed) this.#set({ ...room, isListed: false });
    this.#rooms.delete(roomId);
    this.#readAt.delete(roomId);
    this.#index.forget(roomId);
    this.#parts.onChange(roomId);
  }

  #moved(isMoved: boolean): void {
    if (!isMoved) return;
    this.#list = undefined;
    this.#parts.onChange(LIST);
  }
}
