import { sql } from "kysely";
import { preparedBy } from "../db/prepared.ts";
import { readPosition } from "../event-log/log-reader.ts";
import type { ServerKey } from "../http/server-key.ts";
import { type Answered, requestHash } from "../keys/deduped.ts";
import { ProblemError } from "../lib/problem.ts";
import { turnOf } from "../limits/turn-of-key.ts";
import { changeNotices, type NoticeChanges } from "../notifications/notice-changes.ts";
import { type Notified, notifyPeople } from "./notify-writes.ts";
import { everybodyIn, reaching, reachOf } from "./reach.ts";
import type { To } from "./recipients.ts";
import type { ServerContext } from "./server-context.ts";

/** A notification as the product's backend asks for it, checked by the schema of its route. */
export interface NotificationRequest {
  readonly to: To;
  readonly kind: string;
  readonly title: string;
  readonly text: string;
  readonly link?: string | undefined;
  readonly data?: unknown;
  readonly key?: string | undefined;
  readonly dedupeKey?: string | undefined;
  readonly collapseKey?: string | undefined;
  /** Seconds. */
  readonly ttl?: number | undefined;
}

/**
 * Sends a notification to people, or to everybody. @throws ProblemError `unknown_user` with the place of each, `dedupe_key_reused`,
 * `rate_limited`, `overloaded`
 */
export async function notify(
  context: ServerContext,
  key: ServerKey,
  { request, skipUnknown }: { request: NotificationRequest; skipUnknown: boolean },
): Promise<Answered<Notified>> {
  const { to, kind, title, text, link = null, data, collapseKey = null, dedupeKey = null, ttl } = request;
  const write = async () =>
    context.writes.run(notifyPeople, {
      ...{ by: turnOf(key), keyId: key.id, dedupeKey, requestHash: requestHash("notifications", request) },
      ...{ to, skipUnknown, hall: context.hall, everybody: await everybodyIn(context, to) },
      notice: {
        ...{ kind, key: request.key ?? null, collapseKey, title, text, link },
        data: data === undefined ? null : JSON.stringify(data),
        ttlMs: ttl === undefined ? null : ttl * 1000,
      },
    });
  return reaching(context, key, reachOf(to), write);
}

/** What is different of a notification, as the product's backend asks for it. */
export interface NotificationChanges {
  readonly title?: string | undefined;
  readonly text?: string | undefined;
  readonly link?: string | null | undefined;
  readonly data?: unknown;
  readonly done?: boolean | undefined;
}

/** Changes one for everybody who has it. @throws ProblemError `not_found`, also where it has expired; `rate_limited`, `overloaded` */
export async function changeNotification(
  context: ServerContext,
  key: ServerKey,
  { id, changes }: { id: number; changes: NotificationChanges },
): Promise<{ id: number; recipients: number }> {
  const { db, clock } = context;
  const notice = await db
    .selectFrom("notifications")
    .select(["id", "recipients", "to_all as toAll"])
    .where("id", "=", id)
    .where("is_gone", "=", 0)
    .where("expires_at", ">", clock.now())
    .executeTakeFirst();
  if (!notice) throw new ProblemError("not_found");
  const { found } = await change(context, key, { notices: [notice], change: stored(changes) });
  if (found === 0) throw new ProblemError("not_found");
  const recipients = notice.toAll === 1 ? await everybodyIn(context, { all: true }) : notice.recipients;
  return { id, recipients };
}

/** What the product calls a matter. */
export interface Matter {
  readonly kind: string;
  readonly key: string;
}

/** All notifications of a matter are settled. @throws ProblemError `rate_limited`, `overloaded`; what was done until then stays */
export function settleMatter(context: ServerContext, key: ServerKey, matter: Matter): Promise<void> {
  return changeAll(context, key, { matter, change: { done: true } });
}

/** All notifications of a matter are taken back. @throws ProblemError as above */
export function takeMatterBack(context: ServerContext, key: ServerKey, matter: Matter): Promise<void> {
  return changeAll(context, key, { matter, change: "take back" });
}

function stored({ title, text, link, data, done }: NotificationChanges): NoticeChanges {
  return {
    ...(title === undefined ? {} : { title }),
    ...(text === undefined ? {} : { text }),
    ...(link === undefined ? {} : { link }),
    ...(data === undefined ? {} : { data: data === null ? null : JSON.stringify(data) }),
    ...(done === undefined ? {} : { done }),
  };
}

interface Reach {
  readonly id: number;
  readonly recipients: number;
  readonly toAll: 0 | 1;
}

/** Each change is told to all who have the notification, so they count as its recipients once more. */
async function change(
  context: ServerContext,
  key: ServerKey,
  { notices, change }: { notices: readonly Reach[]; change: NoticeChanges | "take back" },
): Promise<{ found: number }> {
  const recipients = notices.reduce((sum, one) => sum + one.recipients, 0);
  const reach = { people: recipients, everybody: notices.some(({ toAll }) => toAll === 1) };
  const input = { by: turnOf(key), ids: notices.map(({ id }) => id), change, recipients };
  return reaching(context, key, reach, () => context.writes.run(changeNotices, input));
}

/** A write changes so many notifications, and so many people's, unless it is a single one. */
const NOTICES_AT_ONCE = 100;
const PEOPLE_AT_ONCE = 1000;

/** Changes all of a matter that there are at the beginning, a bounded number at once. */
async function changeAll(
  context: ServerContext,
  key: ServerKey,
  { matter, change: wanted }: { matter: Matter; change: NoticeChanges | "take back" },
): Promise<void> {
  const upTo = await readPosition(context.db);
  const doneMost = wanted === "take back" ? 1 : 0;
  for (let after = 0; ; ) {
    const ask = { ...matter, after, upTo, doneMost, now: context.clock.now(), limit: NOTICES_AT_ONCE };
    const notices = together(await ofMatter(context.db, ask));
    const last = notices.at(-1);
    if (!last) return;
    await change(context, key, { notices, change: wanted });
    after = last.id;
  }
}

/** The first ones, as many as have few enough recipients together; at least one. One to everybody goes alone. */
function together(notices: readonly Reach[]): readonly Reach[] {
  let people = 0;
  const end = notices.findIndex(({ recipients, toAll }, index) => {
    people += recipients;
    return index > 0 && (people > PEOPLE_AT_ONCE || toAll === 1 || notices[index - 1]?.toAll === 1);
  });
  return end === -1 ? notices : notices.slice(0, end);
}

const ofMatter = preparedBy(
  ["kind", "key", "after", "upTo", "doneMost", "now", "limit"],
  (db, { kind, key, after, upTo, doneMost, now, limit }) =>
    db
      .selectFrom("notifications")
      .select(["id", "recipients", "to_all as toAll"])
      .where("kind", "=", sql<string>`${kind}`)
      .where("key", "=", sql<string>`${key}`)
      .where("key", "is not", null)
      .where("id", ">", sql<number>`${after}`)
      .where("id", "<=", sql<number>`${upTo}`)
      .where("is_gone", "=", 0)
      .where("done", "<=", sql<0 | 1>`${doneMost}`)
      .where("expires_at", ">", sql<number>`${now}`)
      .orderBy("id")
      .limit(sql<number>`${limit}`),
);
