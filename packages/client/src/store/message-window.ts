import { Push } from "@parley/protocol/events";
import type { Message } from "@parley/protocol/message-type";
import type { PushFrame } from "../reading/push-frame.ts";
import { messageAfter, withNames } from "./message-changes.ts";

/*
 * A window on the messages of a room: consecutive messages, ascending, and whether there are others before and after them. Pure.
 */

export interface MessageWindow {
  /** Ascending by id, without a gap. */
  readonly items: readonly Message[];
  /** There are older messages, or it is not known yet. */
  readonly hasOlder: boolean;
  /** There are newer messages, so new ones are not shown. */
  readonly hasNewer: boolean;
  /** `refused`: the server does not show them to this user. */
  readonly state: "loading" | "ready" | "refused";
}

/** What the store also knows of a window. */
export interface KeptWindow extends MessageWindow {
  /** Continues backwards from the first message; undefined: no cursor does. */
  readonly olderCursor: string | undefined;
}

export const EMPTY: KeptWindow = {
  items: [],
  hasOlder: true,
  hasNewer: false,
  state: "loading",
  olderCursor: undefined,
};

/** Where a page belongs: at either end, or in place of everything (the newest messages, or those around one). */
export type Place = "newest" | "around" | "older" | "newer";

export interface Page {
  readonly items: readonly Message[];
  /** Continues in the page's direction; null: there are no more messages. */
  readonly nextCursor: string | null;
}

/** @param max how many messages are kept: beyond that, those at the far end are dropped */
export function withPage(window: KeptWindow, page: Page, { place, max }: { place: Place; max: number }): KeptWindow {
  const hasMore = page.nextCursor !== null;
  const older = { hasOlder: hasMore, olderCursor: page.nextCursor ?? undefined };
  switch (place) {
    case "newest":
      return fromEnd({ items: page.items, ...older, hasNewer: false, state: "ready" }, max);
    case "around":
      // Whether there are newer ones shows when they are asked for.
      return fromEnd({ items: page.items, ...older, hasNewer: true, state: "ready" }, max);
    case "older": {
      const first = window.items[0]?.message.id ?? Number.POSITIVE_INFINITY;
      const items = [...page.items.filter(({ message }) => message.id < first), ...window.items];
      const isCut = items.length > max;
      return { ...window, ...older, items: items.slice(0, max), hasNewer: window.hasNewer || isCut };
    }
    case "newer": {
      const last = window.items.at(-1)?.message.id ?? 0;
      const items = [...window.items, ...page.items.filter(({ message }) => message.id > last)];
      return fromEnd({ ...window, items, hasNewer: hasMore }, max);
    }
  }
}

/** The window after an event of its room, or one of the user's own stream that may be about it. The same object where nothing has changed. */
export function windowAfter(window: KeptWindow, push: PushFrame, { me, max }: { me: number; max: number }): KeptWindow {
  if (push.type === Push.MESSAGE) return withMessage(window, push.data, max);
  if (push.type === Push.USER) {
    const names = new Map([[push.data.uid, push.data]]);
    return changed(window, (shown) => withNames(shown, names));
  }
  return changed(window, (shown) => messageAfter(shown, push, me));
}

/** The window with `change` applied to each message. */
export function changed(window: KeptWindow, change: (shown: Message) => Message): KeptWindow {
  const items = window.items.map(change);
  return items.every((item, at) => item === window.items[at]) ? window : { ...window, items };
}

function withMessage(window: KeptWindow, added: Message, max: number): KeptWindow {
  const { items } = window;
  const { id } = added.message;
  const at = items.findLastIndex(({ message }) => message.id <= id);
  // The message that is already there may be newer than the event.
  if (items[at]?.message.id === id) return window;
  const isNewest = at === items.length - 1;
  if (isNewest && window.hasNewer) return window;
  // There may be others before the first one that the window does not have.
  if (at === -1 && items.length > 0 && window.hasOlder) return window;
  return fromEnd({ ...window, items: items.toSpliced(at + 1, 0, added) }, max);
}

/** Keeps the newest ones. */
function fromEnd(window: KeptWindow, max: number): KeptWindow {
  if (window.items.length <= max) return window;
  return { ...window, items: window.items.slice(-max), hasOlder: true, olderCursor: undefined };
}
