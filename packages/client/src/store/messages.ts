import { Push } from "@parley/protocol/events";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import { Kept } from "./kept.ts";
import { hides, peopleIn, withNames } from "./message-changes.ts";
import {
  changed,
  EMPTY,
  type KeptWindow,
  type MessageWindow,
  type Page,
  type Place,
  windowAfter,
  withPage,
} from "./message-window.ts";
import { isUser, type Names } from "./names.ts";
import type { Notices } from "./notices.ts";
import type { PartOfRooms } from "./part.ts";
import { type BanPush, isBan, isOfRoom, roomOf } from "./pushes.ts";
import { Topics } from "./topics.ts";
import type { View } from "./view.ts";

/** The messages of one room. They are read when somebody subscribes, and kept up to date while somebody does. */
export interface Messages extends View<MessageWindow> {
  /** Reads the previous page. */
  older(): Promise<void>;
  /** Reads the next page. */
  newer(): Promise<void>;
  /** Shows this message with others before and after it, in place of what is shown. */
  around(messageId: number): Promise<void>;
  /** Shows the newest page, in place of what is shown. */
  newest(): Promise<void>;
}

export interface MessagesParts {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly me: () => number;
  /** Messages in a page, and how many of a room are kept at most. */
  readonly page: number;
  readonly max: number;
  /** A page was read. */
  readonly onPage: (roomId: number) => void;
}

interface Window {
  shown: KeptWindow;
  /** The newest reading: the results of earlier ones are ignored. */
  turn: number;
  isReading: boolean;
  /** The window lacks what was missed until it is read again. */
  isStale: boolean;
  /** How often the room has come into the list of rooms. */
  listings: number;
}

/** The messages of all rooms that somebody subscribes to. */
export class MessageWindows implements PartOfRooms {
  readonly #parts: MessagesParts;
  readonly #topics: Topics<number>;
  readonly #windows: Kept<number, Window>;
  readonly #views = new Kept<number, Messages>((roomId) => this.#topics.isUsed(roomId));

  constructor(parts: MessagesParts) {
    this.#parts = parts;
    this.#topics = new Topics(parts.notices, (roomId) => {
      this.#window(roomId);
      this.#readIfStale(roomId);
    });
    this.#windows = new Kept((roomId) => this.#topics.isUsed(roomId));
  }

  isShown(roomId: number): boolean {
    return this.#topics.isUsed(roomId);
  }

  of(roomId: number): Messages {
    return this.#views.get(roomId, () => ({
      ...this.#topics.view(roomId, () => this.#windows.peek(roomId)?.shown ?? EMPTY),
      older: () => this.#older(roomId),
      newer: () => this.#newer(roomId),
      around: (around) => this.#read(roomId, { place: "around", query: { around } }),
      newest: () => this.#read(roomId, { place: "newest" }),
    }));
  }

  /** The people who wrote the messages, and those whose names appear in quotations. */
  people(): number[] {
    const shown = this.#topics.used.flatMap((roomId) => this.#windows.peek(roomId)?.shown.items ?? []);
    return shown.flatMap(peopleIn);
  }

  /** The newest of the user's own messages that are shown. */
  newestOwn(roomId: number): number | undefined {
    const me = this.#parts.me();
    return this.#windows.peek(roomId)?.shown.items.findLast(({ fromUser }) => fromUser.uid === me)?.message.id;
  }

  push(push: PushFrame): void {
    if (push.stream === undefined) return;
    if (isBan(push)) return this.#banned(push);
    const roomId = roomOf(push);
    if (roomId !== undefined) return this.#apply(roomId, push);
    // A mark on a message that only its sender may see does not say which room it is in.
    if (push.type === Push.MARK) for (const id of this.#windows.keys()) this.#apply(id, push);
  }

  renamed(names: Names): void {
    for (const [roomId, { shown }] of this.#windows.entries()) {
      this.#show(
        roomId,
        changed(shown, (message) => withNames(message, names)),
      );
    }
  }

  missed(): void {
    for (const roomId of this.#windows.keys()) this.entered(roomId);
  }

  /** What was read of the room no longer counts. */
  entered(roomId: number): void {
    const window = this.#windows.peek(roomId);
    if (!window) return;
    if (!this.#topics.isUsed(roomId)) return this.#windows.delete(roomId);
    window.isStale = true;
    void this.#read(roomId, { place: "newest" });
  }

  /** The room is in the list of rooms: an earlier refusal, even one that is on its way, no longer counts. */
  listed(roomId: number): void {
    const window = this.#windows.peek(roomId);
    if (!window) return;
    window.listings += 1;
    if (window.shown.state === "refused") this.entered(roomId);
  }

  live(): void {
    for (const roomId of this.#topics.used) this.#readIfStale(roomId);
  }

  clear(): void {
    this.#windows.clear();
    for (const roomId of this.#topics.used) {
      this.#window(roomId);
      this.#topics.tell(roomId);
      this.#readIfStale(roomId);
    }
  }

  /** What a banned person wrote is hidden at once; when the ban ends, what was hidden has to be read. */
  #banned(push: BanPush): void {
    for (const [roomId, { shown }] of this.#windows.entries()) {
      this.#apply(roomId, push);
      if (showsAgain(shown, push)) this.entered(roomId);
    }
  }

  #window(roomId: number): Window {
    return this.#windows.get(roomId, () => ({ shown: EMPTY, turn: 0, isReading: false, isStale: true, listings: 0 }));
  }

  #readIfStale(roomId: number): void {
    const window = this.#windows.peek(roomId);
    if (window?.isStale && !window.isReading) void this.#read(roomId, { place: "newest" });
  }

  async #older(roomId: number): Promise<void> {
    const { shown, isStale } = this.#window(roomId);
    const { items, hasOlder, olderCursor } = shown;
    const [first] = items;
    // The page that is on its way replaces everything.
    if (isStale || !hasOlder || !first) return;
    // Where the beginning was cut off, no cursor continues from it: half of this page is known already.
    const query = olderCursor ? { cursor: olderCursor } : { around: first.message.id, limit: this.#parts.page * 2 };
    await this.#read(roomId, { place: "older", query });
  }

  async #newer(roomId: number): Promise<void> {
    const { shown, isStale } = this.#window(roomId);
    const { items, hasNewer } = shown;
    const after = items.at(-1)?.message.id;
    if (!isStale && hasNewer && after !== undefined) await this.#read(roomId, { place: "newer", query: { after } });
  }

  /** Never rejects: the state of the window then says what has happened. */
  async #read(roomId: number, { place, query }: { place: Place; query?: object }): Promise<void> {
    const { asking, notices, page } = this.#parts;
    const window = this.#window(roomId);
    window.turn += 1;
    window.isReading = true;
    const { turn, listings } = window;
    const [first] = window.shown.items;
    const ask = { path: { id: roomId }, query: { limit: page, ...query } };
    const isAbout = (push: PushFrame) =>
      roomOf(push) === roomId || isUser(push) || isBan(push) || (push.type === Push.MARK && !isOfRoom(push));
    const since = await asking
      .untilItWorks(() => asking.with(isAbout, () => asking.request("GET /rooms/{id}/messages", ask)))
      .catch(() => undefined);
    if (this.#windows.peek(roomId) !== window || window.turn !== turn) return;
    window.isReading = false;
    // Messages that came meanwhile have pushed out those that this page comes before.
    const isMoved = first?.message.id !== window.shown.items[0]?.message.id;
    if (place === "older" && isMoved) return;
    if (!since && window.listings !== listings) return this.entered(roomId);
    notices.run(() => {
      if (since) this.#place(roomId, window, { ...since, place });
      else if (window.shown.state === "loading") this.#show(roomId, { ...window.shown, state: "refused" });
    });
  }

  #place(
    roomId: number,
    window: Window,
    { reply, pushes, place }: { reply: Page; pushes: readonly PushFrame[]; place: Place },
  ): void {
    const { me, max } = this.#parts;
    if (place === "newest" || place === "around") window.isStale = false;
    let shown = withPage(window.shown, reply, { place, max });
    let isBack = false;
    for (const push of pushes) {
      shown = windowAfter(shown, push, { me: me(), max });
      isBack ||= showsAgain(shown, push);
    }
    this.#show(roomId, shown);
    if (isBack) this.entered(roomId);
    this.#parts.onPage(roomId);
  }

  #apply(roomId: number, push: PushFrame): void {
    const { me, max } = this.#parts;
    const window = this.#windows.peek(roomId);
    // Events that come before the first page are applied after it.
    if (window && window.shown.state !== "loading")
      this.#show(roomId, windowAfter(window.shown, push, { me: me(), max }));
  }

  #show(roomId: number, shown: KeptWindow): void {
    const window = this.#windows.peek(roomId);
    if (!window || window.shown === shown) return;
    window.shown = shown;
    this.#topics.tell(roomId);
  }
}

/** A ban has ended, and something that its person wrote is hidden here. Pure. */
function showsAgain({ items }: MessageWindow, push: PushFrame): boolean {
  return push.type === Push.UNBLACK && items.some((message) => hides(message, push.data.uid));
}
