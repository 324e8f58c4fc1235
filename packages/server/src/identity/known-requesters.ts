import type { BaseContext } from "../db/base-context.ts";
import { textList } from "../db/rows.ts";
import { ipLimitKey } from "../lib/ip-range.ts";
import type { Requester } from "./requester.ts";
import { hashOf } from "./tokens.ts";

/** How long the account knows an address or a device from which its person signed in. */
export const KNOWN_FOR_MS = 90 * 24 * 3_600_000;

const TOKEN = "token ";

/** What is kept of an address: the part that limits count by. */
export function addressMark(ip: string): string {
  return ipLimitKey(ip);
}

/** Whether a mark is one of an address, which is shown to its person. */
export function isAddressMark(mark: string): boolean {
  return !mark.startsWith(TOKEN);
}

/** What is kept of a login that has expired: its device still has the token. */
export function tokenMark(tokenHash: string): string {
  return TOKEN + tokenHash;
}

/**
 * Whether somebody who wants to sign in to an account comes from an address from which its person has signed in before, or has a token of
 * it. This lets nobody in: it says for whom room is kept when strangers try many passwords, and who is not affected by their failures.
 */
export async function isKnown(
  { db, clock }: Pick<BaseContext, "db" | "clock">,
  uid: number,
  { ip, token }: Requester,
): Promise<boolean> {
  const tokenHash = token === undefined ? undefined : hashOf(token);
  const marks = [addressMark(ip), ...(tokenHash === undefined ? [] : [tokenMark(tokenHash)])];
  const mark = await db
    .selectFrom("known_requesters")
    .select("mark")
    .where("uid", "=", uid)
    .where("mark", "in", textList(marks))
    .where("seen_at", ">", clock.now() - KNOWN_FOR_MS)
    .executeTakeFirst();
  if (mark !== undefined) return true;
  if (tokenHash === undefined) return false;
  // Its login has not been removed yet, or has not expired at all.
  const login = await db
    .selectFrom("logins")
    .select("id")
    .where("token_hash", "=", tokenHash)
    .where("uid", "=", uid)
    .executeTakeFirst();
  return login !== undefined;
}
