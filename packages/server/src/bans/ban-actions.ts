import type { BaseContext } from "../db/base-context.ts";
import { type AdminActor, acting, countAct } from "../identity/administrator.ts";
import type { AddressBans } from "./address-bans.ts";
import { rangeText } from "./address-range.ts";
import * as procedures from "./ban-writes.ts";
import { type BanView, ENDED_AT_ONCE, viewOf } from "./ban-writes.ts";
import { checkBannable, readRange } from "./bannable.ts";

/** What administrators do about bans. */
export interface BansContext extends BaseContext {
  readonly addressBans: AddressBans;
  /** Of the configuration. */
  readonly trustedProxies: readonly string[];
}

export interface BanWish {
  /** Epoch milliseconds; null: for good. */
  readonly until: number | null;
  readonly reason: string;
}

/**
 * Bans a person: from now on they are refused everywhere, their connections end, and what they wrote is hidden. An existing ban gets the new end and reason.
 * @throws ProblemError `not_found`, `own_account`, `administrator_protected`, `invalid`, `too_many_bans`, `rate_limited`
 */
export function banPerson(context: BansContext, actor: AdminActor, wish: BanWish & { uid: number }): Promise<BanView> {
  countAct(context, actor);
  return context.writes.run(procedures.banPerson, { ...wish, actor: acting(actor) });
}

/** Lets a person in again. @throws ProblemError `rate_limited` */
export async function unbanPerson(context: BansContext, actor: AdminActor, uid: number): Promise<void> {
  countAct(context, actor);
  await context.writes.run(procedures.unbanPerson, { uid, actor: acting(actor) });
}

/**
 * Bans an address or a range of addresses.
 * @throws ProblemError `invalid`, `range_too_wide`, `address_protected`, `too_many_bans`, `rate_limited`
 */
export async function banAddresses(
  context: BansContext,
  actor: AdminActor,
  { cidr, ...wish }: BanWish & { cidr: string },
): Promise<BanView> {
  countAct(context, actor);
  const range = checkBannable(cidr, { proxies: context.trustedProxies, ownIp: actor.ip });
  return context.writes.run(procedures.banAddresses, { ...wish, cidr: rangeText(range), actor: acting(actor) });
}

/** Lets these addresses in again. @throws ProblemError `invalid`, `rate_limited` */
export async function unbanAddresses(context: BansContext, actor: AdminActor, cidr: string): Promise<void> {
  countAct(context, actor);
  await context.writes.run(procedures.unbanAddresses, { cidr: rangeText(readRange(cidr)), actor: acting(actor) });
}

/** A ban in the list; `name` of a person. */
export type ListedBan = BanView & { readonly name: string | null };

/** Newest first. `before`: the last id of the previous page. */
export async function listBans(
  { db }: BansContext,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<{ items: ListedBan[]; nextCursor: string | null }> {
  const rows = await db
    .selectFrom("bans")
    .leftJoin("users", "users.uid", "bans.uid")
    .selectAll("bans")
    .select("users.name")
    .where("id", "<", before ?? Number.MAX_SAFE_INTEGER)
    .orderBy("id", "desc")
    .limit(limit + 1)
    .execute();
  const page = rows.slice(0, limit);
  const nextCursor = rows.length > limit ? String(page.at(-1)?.id) : null;
  return { items: page.map(({ name, ...row }) => ({ ...viewOf(row), name })), nextCursor };
}

/** Called a few times a second: ends bans that have expired. */
export async function endOverdueBans({
  db,
  writes,
  clock,
}: Pick<BaseContext, "db" | "writes" | "clock">): Promise<void> {
  const due = db.selectFrom("bans").select("id").where("until", "<=", clock.now()).limit(1);
  while (await due.executeTakeFirst()) {
    const ended = await writes.run(procedures.endBans, { overdue: true });
    if (ended < ENDED_AT_ONCE) return;
  }
}
