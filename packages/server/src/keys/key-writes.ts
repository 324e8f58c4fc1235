import type { ServerScope } from "@parley/protocol";
import { type Acting, noteAct } from "../audit/audit-writes.ts";
import { numberList } from "../db/rows.ts";
import { sent, type WriteTransaction } from "../db/transaction.ts";
import { append } from "../event-log/event-log.ts";
import { Internal, internalEvent } from "../identity/internal-events.ts";
import { ProblemError } from "../lib/problem.ts";
import { CAPS } from "../limits/caps.ts";

export interface NewServerKey {
  readonly name: string;
  readonly keyHash: string;
  readonly scopes: readonly ServerScope[];
  /** Epoch milliseconds; null: it has no end. */
  readonly expiresAt: number | null;
  /** Requests a second; null: the usual number. */
  readonly rate: number | null;
  readonly recipientsRate: number | null;
  readonly allRate: number | null;
  readonly by: Acting;
}

/** @throws ProblemError `name_taken`, `too_many_keys`; `invalid` for an end that has passed */
export async function addServerKey(tx: WriteTransaction, key: NewServerKey): Promise<{ id: number }> {
  if (key.expiresAt !== null && key.expiresAt <= tx.clockNow) {
    const errors = [{ path: "expiresAt", message: "must be a time in the future, or null" }];
    throw new ProblemError("invalid", "The key's expiry has already passed", { extra: { errors } });
  }
  const names = (await tx.db.selectFrom("server_keys").select("name").execute()).map(({ name }) => name);
  if (names.includes(key.name)) throw new ProblemError("name_taken", "There is already a server key with this name");
  if (names.length >= CAPS.serverKeys.count) throw new ProblemError("too_many_keys");
  const { id } = await tx.db
    .insertInto("server_keys")
    .values({
      name: key.name,
      key_hash: key.keyHash,
      scopes: JSON.stringify(key.scopes),
      created_at: tx.now,
      expires_at: key.expiresAt,
      rate: key.rate,
      recipients_rate: key.recipientsRate,
      all_rate: key.allRate,
    })
    .returning("id")
    .executeTakeFirstOrThrow();
  const { by, name: target, keyHash: _, ...after } = key;
  await noteAct(tx, by, { act: "key.add", target, after: { id, ...after } });
  await append(tx, [internalEvent(Internal.KEYS_CHANGED, { keyId: id })]);
  return { id };
}

/** Ends a key, named by its name or its id, at once and for good. @throws ProblemError `not_found` */
export async function revokeServerKey(
  tx: WriteTransaction,
  { key, by }: { key: string | number; by: Acting },
): Promise<{ id: number }> {
  const gone = await tx.db
    .deleteFrom("server_keys")
    .where(typeof key === "string" ? "name" : "id", "=", key)
    .returning(["id", "name", "scopes", "expires_at as expiresAt", "rate"])
    .returning(["recipients_rate as recipientsRate", "all_rate as allRate"])
    .executeTakeFirst();
  if (!gone) throw new ProblemError("not_found", "There is no such server key");
  const { id, name, scopes, ...before } = gone;
  const what = { act: "key.revoke", target: name, before: { id, scopes: JSON.parse(scopes), ...before } } as const;
  await noteAct(tx, by, what);
  await append(tx, [internalEvent(Internal.KEYS_CHANGED, { keyId: id })]);
  return { id };
}

/** Notes that keys were used just now. One that was revoked meanwhile has no row. */
export async function noteKeysUsed(tx: WriteTransaction, { keyIds }: { keyIds: readonly number[] }): Promise<void> {
  sent(
    tx,
    tx.db.updateTable("server_keys").set({ last_used_at: tx.now }).where("id", "in", numberList(keyIds)).execute(),
  );
}
