import type { ServerScope } from "@parley/protocol";
import { type Acting, OPERATOR } from "../audit/audit-writes.ts";
import type { BaseContext } from "../db/base-context.ts";
import { hashOf } from "../identity/tokens.ts";
import { ProblemError } from "../lib/problem.ts";
import { keyNameSchema, keyRateSchema, newKey, scopesSchema } from "./key-form.ts";
import * as procedures from "./key-writes.ts";

/** What operators do with server keys, on the command line, next to a server that may be running, and administrators by `admin/key-admin-actions.ts`. */
export type KeysContext = Pick<BaseContext, "db" | "writes">;

/** A key as they see it; times are epoch milliseconds. */
export interface ListedKey {
  readonly id: number;
  readonly name: string;
  readonly scopes: readonly ServerScope[];
  readonly createdAt: number;
  /** Null: it has no end. */
  readonly expiresAt: number | null;
  /** To the minute; null: it was never used. */
  readonly lastUsedAt: number | null;
  /** Requests a second; null: the usual number. */
  readonly rate: number | null;
  /** People and rooms a second that get notifications and events, and how many of these go to everybody. */
  readonly recipientsRate: number | null;
  readonly allRate: number | null;
}

/** A key that is to be made. */
export interface WantedKey {
  readonly name: string;
  readonly scopes: readonly string[];
  readonly expiresAt: number | null;
  /** Null, or left out: the usual numbers. */
  readonly rate: number | null;
  readonly recipientsRate?: number | null;
  readonly allRate?: number | null;
}

/**
 * Makes a key. The key itself is in the reply and nowhere else: what is stored is its hash.
 * @throws ProblemError `invalid`, `name_taken`, `too_many_keys`
 */
export async function addKey(
  { writes }: KeysContext,
  { name, scopes, expiresAt, rate, recipientsRate = null, allRate = null }: WantedKey,
  by: Acting = OPERATOR,
): Promise<{ id: number; key: string }> {
  const key = newKey();
  const { id } = await writes.run(procedures.addServerKey, {
    name: checked("name", keyNameSchema.safeParse(name)),
    keyHash: hashOf(key),
    scopes: [...new Set(checked("list of scopes", scopesSchema.safeParse(scopes)))],
    expiresAt,
    rate: checkedRate("rate", rate),
    recipientsRate: checkedRate("rate of recipients", recipientsRate),
    allRate: checkedRate("rate of what goes to everybody", allRate),
    by,
  });
  return { id, key };
}

/** Oldest first. */
export async function listKeys({ db }: Pick<KeysContext, "db">): Promise<ListedKey[]> {
  const rows = await db
    .selectFrom("server_keys")
    .select(["id", "name", "scopes", "created_at as createdAt", "expires_at as expiresAt"])
    .select(["last_used_at as lastUsedAt", "rate", "recipients_rate as recipientsRate", "all_rate as allRate"])
    .orderBy("id")
    .execute();
  return rows.map((row) => ({ ...row, scopes: JSON.parse(row.scopes) as ServerScope[] }));
}

/** Ends a key, named by its name or its id: a running server refuses it within a second. @throws ProblemError `not_found` */
export function revokeKey(
  { writes }: KeysContext,
  key: string | number,
  by: Acting = OPERATOR,
): Promise<{ id: number }> {
  return writes.run(procedures.revokeServerKey, { key, by });
}

function checkedRate(what: string, rate: number | null): number | null {
  return rate === null ? null : checked(what, keyRateSchema.safeParse(rate));
}

type Checked<T> =
  | { readonly success: true; readonly data: T }
  | { readonly success: false; readonly error: { readonly issues: readonly { readonly message: string }[] } };

function checked<T>(what: string, result: Checked<T>): T {
  if (!result.success) throw new ProblemError("invalid", `The ${what} ${result.error.issues[0]?.message}`);
  return result.data;
}
