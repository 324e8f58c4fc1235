/**
 * Notifications: what the product tells its people, which stays in a list and makes a dot. This file has what people do with theirs; what the
 * product does is in `server-api/`, on the procedures of this folder.
 *
 * - One to some people is a row, and a row for each of them (`new-notices.ts`); one to everybody is a single row, and people have rows of it
 *   only for what they have marked by its id.
 * - Seen and read up to an id are two numbers of each person. Counters are counted from the rows at each question (`counters.ts`).
 * - An event's row holds the id, and readers get the notification as it is for them then (`notice-data.ts`): once it is taken back,
 *   replaced or expired, nobody who catches up gets its content.
 * - Whatever ends by the clock does so for everybody at the same moment, `expiresAt`, which frames and lists name. No event says it.
 *
 * Must not import unread, the gateway, or the product's own backend.
 */
import type { Counters } from "@parley/protocol";
import type { BaseContext } from "../db/base-context.ts";
import { readPosition } from "../event-log/log-reader.ts";
import { readSnapshot } from "../event-log/snapshot.ts";
import { type Actor, actorOf } from "../rooms/rooms.ts";
import { countersOf } from "./counters.ts";
import * as procedures from "./mark-writes.ts";
import { type NoticeQuery, type NoticeView, noticePage } from "./notice-list.ts";
import * as upkeep from "./upkeep-writes.ts";

/** How many make a dot, and how many were not read. */
export interface NoticeCounts {
  readonly unseen: number;
  readonly unread: number;
}

export interface NoticePage extends NoticeCounts {
  readonly items: readonly NoticeView[];
  /** The newest id that there was: none with this id or a smaller one is still to come. */
  readonly upTo: number;
  readonly nextCursor: string | null;
  readonly asOf: string;
}

/** A page of the actor's notifications, the newest first, with the counters of the same moment. */
export function listNotifications(
  { db, epoch, clock }: Pick<BaseContext, "db" | "epoch" | "clock">,
  { uid }: Pick<Actor, "uid">,
  query: NoticeQuery,
): Promise<NoticePage> {
  return readSnapshot({ db, epoch }, async ({ db: snapshot, asOf }) => {
    const now = clock.now();
    const page = await noticePage(snapshot, { uid, now }, query);
    const counters = (await countersOf(snapshot, { uids: [uid], now })).get(uid) as Counters;
    return { ...page, ...countsOf(counters), upTo: await readPosition(snapshot), asOf };
  });
}

/** The actor has seen all up to this id: they make no dot any more. @throws ProblemError `rate_limited`, `overloaded` */
export function seeNotifications(context: MarkContext, actor: Actor, upTo: number): Promise<NoticeCounts> {
  return mark(context, actor, { kind: "seen", upTo, ids: [] });
}

/** The actor has read all up to an id, and these; what is not in their list is passed over. @throws ProblemError `rate_limited`, `overloaded` */
export function readNotifications(
  context: MarkContext,
  actor: Actor,
  { upTo = 0, ids = [] }: { readonly upTo?: number | undefined; readonly ids?: readonly number[] | undefined },
): Promise<NoticeCounts> {
  return mark(context, actor, { kind: "read", upTo, ids });
}

/** These leave the actor's list; what is not in it is passed over. @throws ProblemError `rate_limited`, `overloaded` */
export function archiveNotifications(
  context: MarkContext,
  actor: Actor,
  ids: readonly number[],
): Promise<NoticeCounts> {
  return mark(context, actor, { kind: "archived", upTo: 0, ids });
}

/**
 * Called every few seconds: removes what has expired, in short writes. Not while the clock has just jumped: what goes does not come back.
 * @param atMost writes
 */
export async function removeExpiredNotifications(
  { writes, isClockSettled }: Pick<BaseContext, "writes"> & { isClockSettled: () => boolean },
  { atMost }: { atMost: number },
): Promise<void> {
  if (!isClockSettled()) return;
  for (let count = 0; count < atMost; count++) {
    if (!(await writes.run(upkeep.removeExpiredNotices, undefined))) return;
  }
}

type MarkContext = Pick<BaseContext, "writes" | "rates">;

async function mark({ writes, rates }: MarkContext, actor: Actor, act: procedures.NoticeAct): Promise<NoticeCounts> {
  rates.notificationMarks.take(actor.uid);
  return countsOf(await writes.run(procedures.markNotices, { actor: actorOf(actor), act }));
}

function countsOf({ unseen, unreadNotifications }: Counters): NoticeCounts {
  return { unseen, unread: unreadNotifications };
}
