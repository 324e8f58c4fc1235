import { ALL_STREAM, Push, SYSTEM_UID } from "@parley/protocol";
import { noteAct } from "../audit/audit-writes.ts";
import { numberList } from "../db/rows.ts";
import type { BansTable } from "../db/schema.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append, type Draft } from "../event-log/event-log.ts";
import type { Administrator } from "../identity/administrator.ts";
import type { Ban } from "../identity/banned.ts";
import { Internal, internalEvent } from "../identity/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";

export interface WantedBan extends Ban {
  readonly actor: Administrator;
}

/** A ban as the list shows it. */
export interface BanView extends Ban {
  readonly id: number;
  readonly uid: number | null;
  readonly cidr: string | null;
  readonly createdAt: number;
  /** The administrator who made it. */
  readonly createdBy: number;
}

/** The person or the addresses that it keeps out. */
type Target = { readonly uid: number } | { readonly cidr: string };

/**
 * Keeps a person out, and tells everybody. A ban that is there gets the new end and reason, which nobody but the person is told. Tokens of the
 * product's own that were made until now do not count again when the ban ends, since the product makes new ones.
 * @throws ProblemError `not_found`, `own_account`, `administrator_protected`, `invalid`, `too_many_bans`
 */
export async function banPerson(
  tx: WriteTransaction,
  { uid, ...wanted }: WantedBan & { readonly uid: number },
): Promise<BanView> {
  const person = await tx.db
    .selectFrom("users")
    .select(["power", "deleted_at"])
    .where("uid", "=", uid)
    .where("uid", "!=", SYSTEM_UID)
    .executeTakeFirst();
  if (!person || person.deleted_at !== null) throw new ProblemError("not_found", "There is no such user");
  if (uid === wanted.actor.uid) throw new ProblemError("own_account", "You cannot ban yourself");
  if (person.power === 1) throw new ProblemError("administrator_protected");
  const { ban, isNew } = await putBan(tx, { uid }, wanted);
  await noteBan(tx, wanted, { act: "user.ban", target: `${uid}`, before: ban.before });
  const { until, reason } = wanted;
  if (!isNew) return ban.now;
  sent(tx, tx.db.updateTable("users").set({ tokens_not_before: tx.clockNow }).where("uid", "=", uid).execute());
  // Their readers end before everybody is told.
  await append(tx, [internalEvent(Internal.PERSON_BANNED, { uid, until, reason }), told(Push.BLACK, uid)]);
  return ban.now;
}

/** Lets a person in again, with the logins that they had; of somebody who is not banned it changes nothing. */
export async function unbanPerson(
  tx: WriteTransaction,
  { actor, uid }: { actor: Administrator; uid: number },
): Promise<void> {
  const before = await tx.db.deleteFrom("bans").where("uid", "=", uid).returningAll().executeTakeFirst();
  if (!before) return;
  await noteAct(tx, actor, { act: "user.unban", target: `${uid}`, before: shown(before) });
  await append(tx, [told(Push.UNBLACK, uid)]);
}

/**
 * Keeps a range of addresses out; which ones may be banned has been checked.
 * @throws ProblemError `invalid`, `too_many_bans`
 */
export async function banAddresses(
  tx: WriteTransaction,
  { cidr, ...wanted }: WantedBan & { readonly cidr: string },
): Promise<BanView> {
  const { ban } = await putBan(tx, { cidr }, wanted);
  await noteBan(tx, wanted, { act: "addresses.ban", target: cidr, before: ban.before });
  const { until, reason } = wanted;
  await append(tx, [internalEvent(Internal.ADDRESSES_BANNED, { cidr, ban: { until, reason } })]);
  return ban.now;
}

/** Lets these addresses in again; of a range that is not banned it changes nothing. */
export async function unbanAddresses(
  tx: WriteTransaction,
  { actor, cidr }: { actor: Administrator; cidr: string },
): Promise<void> {
  const before = await tx.db.deleteFrom("bans").where("cidr", "=", cidr).returningAll().executeTakeFirst();
  if (!before) return;
  await noteAct(tx, actor, { act: "addresses.unban", target: cidr, before: shown(before) });
  await append(tx, [internalEvent(Internal.ADDRESSES_BANNED, { cidr, ban: null })]);
}

/** Bans that one write ends. */
export const ENDED_AT_ONCE = 100;

/** Ends bans whose time is over, and tells it like any other end. What has been prolonged meanwhile stays. @returns how many */
export async function endBans(tx: WriteTransaction, _: { readonly overdue: true }): Promise<number> {
  const due = await tx.db
    .selectFrom("bans")
    .select(["id", "uid", "cidr"])
    .where("until", "<=", tx.clockNow)
    .orderBy("until")
    .limit(ENDED_AT_ONCE)
    .execute();
  if (due.length === 0) return 0;
  const ids = due.map(({ id }) => id);
  sent(tx, tx.db.deleteFrom("bans").where("id", "in", numberList(ids)).execute());
  await append(
    tx,
    due.map(({ uid, cidr }) =>
      uid === null
        ? internalEvent(Internal.ADDRESSES_BANNED, { cidr: cidr as string, ban: null })
        : told(Push.UNBLACK, uid),
    ),
  );
  return due.length;
}

/** Makes the ban, or changes the one that is there, which keeps its place in the list. */
async function putBan(tx: WriteTransaction, target: Target, { actor, until, reason }: WantedBan) {
  if (until !== null && until <= tx.clockNow) throw inThePast();
  const [column, value] = "uid" in target ? (["uid", target.uid] as const) : (["cidr", target.cidr] as const);
  const before = await tx.db.selectFrom("bans").selectAll().where(column, "=", value).executeTakeFirst();
  if (before) {
    const now = { ...before, until, reason };
    sent(tx, tx.db.updateTable("bans").set({ until, reason }).where("id", "=", before.id).execute());
    return { isNew: false, ban: { before: shown(before), now: viewOf(now) } };
  }
  const { count } = await tx.db
    .selectFrom("bans")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  if (count >= CAPS.bans.count) throw new ProblemError("too_many_bans");
  const made = await tx.db
    .insertInto("bans")
    .values({ uid: null, cidr: null, ...target, until, reason, created_at: tx.now, created_by: actor.uid })
    .returningAll()
    .executeTakeFirstOrThrow();
  return { isNew: true, ban: { before: null, now: viewOf(made) } };
}

function noteBan(
  tx: WriteTransaction,
  { actor, until, reason }: WantedBan,
  act: { act: "user.ban" | "addresses.ban"; target: string; before: object | null },
): Promise<void> {
  return noteAct(tx, actor, { ...act, after: { until, reason } });
}

function shown({ until, reason }: Ban): Ban {
  return { until, reason };
}

/** A row, as the list and the reply to a ban show it. */
export function viewOf(row: Omit<BansTable, "id"> & { readonly id: number }): BanView {
  const { id, uid, cidr, until, reason, created_at: createdAt, created_by: createdBy } = row;
  return { id, uid, cidr, until, reason, createdAt, createdBy };
}

function told(type: typeof Push.BLACK | typeof Push.UNBLACK, uid: number): Draft {
  return { stream: ALL_STREAM, type, data: () => JSON.stringify({ uid }) };
}

function inThePast(): ProblemError {
  const message = "must be a time in the future, or null";
  return new ProblemError("invalid", `until: ${message}`, { extra: { errors: [{ path: "until", message }] } });
}
