import { Push, type PushData } from "@parley/protocol/events";
import type { Notification, User } from "../api/api-types.ts";
import { after, type Cancel } from "../lib/timers.ts";
import type { PushFrame } from "../reading/push-frame.ts";
import type { Asking } from "./asking.ts";
import type { Notices } from "./notices.ts";
import { type KnownItems, OwnList } from "./own-list.ts";
import type { Part } from "./part.ts";

type NotificationData = PushData[typeof Push.NOTIFICATION];

/** The server keeps no more for one person: the newest 1 000 of their own, and the newest 1 000 of those to everybody. */
const NOTIFICATIONS_AT_MOST = 2_000;

/** The longest wait for one to expire; after it the list is looked at again. */
const LOOK_AGAIN_MS = 3_600_000;

export interface NotificationsParts {
  readonly asking: Asking;
  readonly notices: Notices;
  readonly me: () => User | undefined;
  /** Epoch milliseconds. */
  readonly now: () => number;
  /** Called with the number of unseen notifications. */
  readonly onUnseen: (notifications: number) => void;
}

/** What the product has told the user and they have not archived, read when somebody subscribes. The machine's own clock says what has expired. */
export class Notifications implements Part {
  readonly #parts: NotificationsParts;
  readonly list: OwnList<Notification>;
  #unseen = 0;
  #cancelTimer: Cancel = () => {};

  constructor(parts: NotificationsParts) {
    const { asking, me } = parts;
    this.#parts = parts;
    this.list = new OwnList<Notification>({
      ...parts,
      max: NOTIFICATIONS_AT_MOST,
      isAbout: ({ type }) => type === Push.NOTIFICATION || type === Push.SELF,
      page: (cursor) => asking.request("GET /notifications", { query: { cursor, limit: 100 } }),
      after: (known, push) => notificationsAfter(known, push, me()?.createdAt ?? 0),
      onChange: ({ items, isWhole, state }) => {
        this.#expireLater(items);
        // The list is more accurate than any count from the server.
        if (isWhole && state === "ready") this.#count(items.filter(isUnseen).length);
      },
    });
  }

  push(push: PushFrame): void {
    this.list.push(push);
    if (push.type === Push.RED_DOT) this.counted(push.data.notifications);
    if (push.type === Push.SELF && push.data.unseen !== undefined) this.counted(push.data.unseen);
    // RED_DOT follows a notification to this user; one to everybody has none, so it adds one to the count.
    if (push.type === Push.NOTIFICATION && push.stream === "all" && this.#isNew(push.data))
      this.counted(this.#unseen + 1);
  }

  /** A count that may be older or newer than the events: it is used only while the list is not there. */
  counted(unseen: number): void {
    if (!this.list.isWhole) this.#count(unseen);
  }

  missed(): void {
    this.list.missed();
  }

  live(): void {
    this.list.live();
  }

  clear(): void {
    this.list.clear();
    this.#count(0);
  }

  stop(): void {
    this.#cancelTimer();
  }

  #isNew(data: NotificationData): boolean {
    return "at" in data && data.title !== null && !data.done && data.at >= (this.#parts.me()?.createdAt ?? 0);
  }

  #count(unseen: number): void {
    this.#unseen = unseen;
    this.#parts.onUnseen(unseen);
  }

  /** One timer for all: it removes what has expired by then. */
  #expireLater(items: readonly Notification[]): void {
    const { now, notices } = this.#parts;
    this.#cancelTimer();
    if (items.length === 0) return;
    const next = items.reduce((soonest, { expiresAt }) => Math.min(soonest, expiresAt), Number.POSITIVE_INFINITY);
    const ms = Math.min(Math.max(next - now(), 0), LOOK_AGAIN_MS);
    this.#cancelTimer = after(ms, () => {
      const at = now();
      const left = this.list.items.filter(({ expiresAt }) => expiresAt > at);
      notices.run(() => {
        if (left.length < this.list.items.length) this.list.change(left);
        else this.#expireLater(left);
      });
    });
  }
}

function isUnseen({ seen, read, archived, done }: Notification): boolean {
  return !seen && !read && !archived && !done;
}

/** @param since when the user's account was made: notifications to everybody from before that are not theirs */
function notificationsAfter(known: KnownItems<Notification>, push: PushFrame, since: number): KnownItems<Notification> {
  if (push.type === Push.NOTIFICATION) return withNotification(known, push.data, since);
  if (push.type === Push.SELF) return { ...known, items: withMarks(known.items, push.data) };
  return known;
}

function withNotification(
  { items, upTo }: KnownItems<Notification>,
  data: NotificationData,
  since: number,
): KnownItems<Notification> {
  const known = { items, upTo: Math.max(upTo, data.id) };
  const others = items.filter(({ id }) => id !== data.id);
  if ("removed" in data || data.title === null) return { ...known, items: others };
  const before = items.find(({ id }) => id === data.id);
  // A notification that is neither new nor in the list has left it before.
  if (!before && (data.id <= upTo || data.at < since)) return known;
  const { link = null, data: own = null, done = false, ...rest } = data;
  const { seen = false, read = false, archived = false } = before ?? {};
  const item = { ...rest, link, data: own, done, seen, read, archived } as Notification;
  return { ...known, items: [item, ...others].sort((a, b) => b.id - a.id) };
}

/** What the user has seen, read and archived, on any device. */
function withMarks(items: readonly Notification[], marks: PushData[typeof Push.SELF]): readonly Notification[] {
  const { notificationsSeen = 0, notificationsRead, notificationsArchived = [] } = marks;
  const { ids = [], upTo = 0 } = notificationsRead ?? {};
  if (notificationsSeen + upTo + ids.length + notificationsArchived.length === 0) return items;
  return items
    .filter(({ id }) => !notificationsArchived.includes(id))
    .map((item) => {
      const read = item.read || item.id <= upTo || ids.includes(item.id);
      const seen = item.seen || read || item.id <= notificationsSeen;
      return read === item.read && seen === item.seen ? item : { ...item, read, seen };
    });
}
