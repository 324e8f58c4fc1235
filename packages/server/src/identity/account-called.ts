import { SYSTEM_UID } from "@parley/protocol";
import type { Kysely } from "kysely";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";
import { nameKey } from "./names.ts";

/** `~` and a uid, as paths of the server API have it. Somebody may be called so, and is found by their own uid. */
const BY_UID = /^~([1-9]\d{0,15})$/;

export interface AccountCalled {
  readonly uid: number;
  readonly power: 0 | 1;
  readonly externalId: string | null;
}

/**
 * The account that an operator means: by its name, in any case of the letters, or by its uid, since people with an external id have no name of their own. Nobody has
 * the system's account in hand. @throws ProblemError `unknown_user`
 */
export async function accountCalled(db: Kysely<Schema>, called: string): Promise<AccountCalled> {
  const uid = BY_UID.exec(called)?.[1];
  const account = await db
    .selectFrom("users")
    .select(["uid", "power", "external_id as externalId"])
    .where((eb) => (uid === undefined ? eb("name_key", "=", nameKey(called)) : eb("uid", "=", Number(uid))))
    .where("uid", "!=", SYSTEM_UID)
    .where("deleted_at", "is", null)
    .executeTakeFirst();
  if (!account) throw new ProblemError("unknown_user");
  return account;
}
