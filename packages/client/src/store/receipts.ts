import { Push } from "@parley/protocol/events";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import { Kept } from "./kept.ts";
import type { Notices } from "./notices.ts";
import type { PartOfRooms } from "./part.ts";
import { roomOf } from "./pushes.ts";
import { placesAfter, type ReadPlaces, withPlaces } from "./read-places.ts";
import { Topics } from "./topics.ts";
import type { View } from "./view.ts";

export interface ReceiptsParts {
  readonly asking: Asking;
  readonly notices: Notices;
  /** The newest of the user's own messages that are shown of a room. */
  readonly newestOwn: (roomId: number) => number | undefined;
  /** The user is in the room, and the server tells its members who has read what. */
  readonly isTold: (roomId: number) => boolean;
}

interface Kind {
  /** Undefined: not read yet. */
  places: ReadPlaces | undefined;
  /** The newest of the user's own messages for which the places are right; 0: they have not been read. */
  upTo: number;
  turn: number;
}

/**
 * How far the others have read a room. It is not logged, so it is read for the newest of the user's own messages, again with each connection,
 * and READ updates it from there. People who joined after that message have read none of the user's own messages before it.
 */
export class Receipts implements PartOfRooms {
  readonly #parts: ReceiptsParts;
  readonly #topics: Topics<number>;
  readonly #kinds: Kept<number, Kind>;

  constructor(parts: ReceiptsParts) {
    this.#parts = parts;
    this.#topics = new Topics(parts.notices, (roomId) => this.look(roomId));
    this.#kinds = new Kept((roomId) => this.#topics.isUsed(roomId));
  }

  of(roomId: number): View<ReadPlaces | undefined> {
    return this.#topics.view(roomId, () => this.#kinds.peek(roomId)?.places);
  }

  /** Messages of the room were read, or it has come into the list: one of the user's own messages may be new to us. */
  look(roomId: number): void {
    const { isTold, newestOwn } = this.#parts;
    if (!this.#topics.isUsed(roomId) || !isTold(roomId)) return;
    const kind = this.#kinds.get(roomId, () => ({ places: undefined, upTo: 0, turn: 0 }));
    const id = newestOwn(roomId) ?? 0;
    if (id <= kind.upTo) return;
    kind.upTo = id;
    void this.#read(roomId, kind);
  }

  push(push: PushFrame): void {
    const roomId = push.type === Push.READ ? push.data.roomId : roomOf(push);
    const kind = roomId === undefined ? undefined : this.#kinds.peek(roomId);
    if (roomId === undefined || !kind) return;
    if (kind.places) this.#show(roomId, kind, placesAfter(kind.places, push));
    // It may be the first of the user's own messages.
    else this.look(roomId);
  }

  /** The user has joined the room, perhaps again. */
  entered(roomId: number): void {
    this.left(roomId);
    this.look(roomId);
  }

  listed(roomId: number): void {
    this.look(roomId);
  }

  left(roomId: number): void {
    const kind = this.#kinds.peek(roomId);
    if (!kind) return;
    this.#show(roomId, kind, undefined);
    this.#forget(kind);
  }

  live(): void {
    for (const [roomId, kind] of this.#kinds.entries()) {
      this.#forget(kind);
      this.look(roomId);
    }
  }

  clear(): void {
    for (const roomId of this.#kinds.keys()) this.left(roomId);
    this.#kinds.clear();
  }

  /** Replies that are on their way no longer count either. */
  #forget(kind: Kind): void {
    kind.upTo = 0;
    kind.turn += 1;
  }

  async #read(roomId: number, kind: Kind): Promise<void> {
    const { asking, notices } = this.#parts;
    kind.turn += 1;
    const { turn, upTo: id } = kind;
    const isAbout = (push: PushFrame) => push.type === Push.READ || roomOf(push) === roomId;
    const since = await asking.untilItWorks(() => asking.with(isAbout, () => this.#ask(id))).catch(() => undefined);
    if (!since || kind.turn !== turn) return;
    const pushes = since.pushes.filter((push) => push.type !== Push.READ || push.data.roomId === roomId);
    notices.run(() => this.#show(roomId, kind, pushes.reduce(placesAfter, withPlaces(new Map(), since.reply))));
  }

  /** In this order, somebody who reads it between the two requests is in at least one reply. */
  async #ask(id: number) {
    const places: { uid: number; seq: number }[] = [];
    for (const state of ["unread", "read"] as const) {
      const { items } = await this.#parts.asking.request("GET /messages/{id}/receipts", {
        path: { id },
        query: { state, limit: 100 },
      });
      places.push(...items);
    }
    return places;
  }

  #show(roomId: number, kind: Kind, places: ReadPlaces | undefined): void {
    if (kind.places === places) return;
    kind.places = places;
    this.#topics.tell(roomId);
  }
}
