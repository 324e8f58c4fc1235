import { type NotificationData, Push, type PushData } from "@parley/protocol";
import type { ApiClient } from "./api-client.ts";
import type { SeenFrame } from "./live-client.ts";

/** Notifications as a client keeps them, from `GET /notifications` and from events. It knows only the wire. */

export interface Notice {
  readonly id: number;
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly link: string | null;
  readonly data: unknown;
  readonly at: number;
  readonly expiresAt: number;
  readonly seen: boolean;
  readonly read: boolean;
  readonly archived: boolean;
  readonly done: boolean;
}

export interface NoticeState {
  /** The newest first, archived ones too. */
  readonly items: readonly Notice[];
  /** Every notification with this id or a smaller one has already come. */
  readonly upTo: number;
}

interface Page {
  readonly items: Notice[];
  readonly unseen: number;
  readonly unread: number;
  readonly upTo: number;
  readonly nextCursor: string | null;
  readonly asOf: string;
}

/** The notifications that are shown: expired ones are not, and make no dot. */
export interface ShownNotices {
  readonly list: readonly Notice[];
  readonly archived: readonly Notice[];
  readonly unseen: number;
  readonly unread: number;
}

/** Reads all pages of both lists. The counters are those that the server gives. */
export async function readNotices(
  api: ApiClient,
): Promise<{ state: NoticeState; shown: ShownNotices; asOfs: string[] }> {
  const pages: Page[] = [];
  const all = async (state: "all" | "archived") => {
    const items: Notice[] = [];
    for (let cursor: string | null = ""; cursor !== null; ) {
      const path: string = `/notifications?state=${state}&limit=100&cursor=${cursor}`;
      const page: Page = await api.ok<Page>("GET", path);
      pages.push(page);
      items.push(...page.items);
      cursor = page.nextCursor;
    }
    return items;
  };
  const [list, archived] = [await all("all"), await all("archived")];
  const { unseen, unread, upTo } = pages[0] as Page;
  const items = [...list, ...archived].sort((a, b) => b.id - a.id);
  return { state: { items, upTo }, shown: { list, archived, unseen, unread }, asOfs: pages.map(({ asOf }) => asOf) };
}

/** Pure. @param now epoch milliseconds */
export function shownNotices({ items }: NoticeState, now: number): ShownNotices {
  const there = items.filter(({ expiresAt }) => expiresAt > now);
  const list = there.filter(({ archived }) => !archived);
  const unread = list.filter(({ read, done }) => !read && !done);
  const unseen = unread.filter(({ seen }) => !seen);
  return { list, archived: there.filter(({ archived }) => archived), unseen: unseen.length, unread: unread.length };
}

/**
 * The state after a frame; it stays the same if the frame is about something else. Pure.
 * @param since when the user's account was made: what went to everybody before that is not theirs
 */
export function applyNotice(state: NoticeState, { type, data }: SeenFrame, since: number): NoticeState {
  if (type === Push.NOTIFICATION) return withNotice(state, data as NotificationData, since);
  if (type === Push.SELF) return withMarks(state, data as PushData[109]);
  return state;
}

function withNotice(state: NoticeState, data: NotificationData, since: number): NoticeState {
  const upTo = Math.max(state.upTo, data.id);
  const others = state.items.filter(({ id }) => id !== data.id);
  if ("removed" in data || data.title === null) return { items: others, upTo };
  const known = state.items.find(({ id }) => id === data.id);
  // An unknown one that is not new has left the list in a way that this client has not seen.
  if (!known && (data.id <= state.upTo || data.at < since)) return { ...state, upTo };
  const { link = null, data: own = null, done = false, ...rest } = data;
  const { seen, read, archived } = known ?? { seen: false, read: false, archived: false };
  const item = { ...rest, link, data: own, done, seen, read, archived };
  return { items: [item, ...others].sort((a, b) => b.id - a.id), upTo };
}

function withMarks(state: NoticeState, { notificationsSeen = 0, ...marks }: PushData[109]): NoticeState {
  const { notificationsRead, notificationsArchived = [] } = marks;
  const { ids: readIds = [], upTo: readUpTo = 0 } = notificationsRead ?? {};
  const items = state.items.map((item) => {
    const read = item.read || item.id <= readUpTo || readIds.includes(item.id);
    const seen = item.seen || read || item.id <= notificationsSeen;
    return { ...item, read, seen, archived: item.archived || notificationsArchived.includes(item.id) };
  });
  return { ...state, items };
}
