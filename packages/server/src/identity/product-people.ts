import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { BAN_COLUMNS, type Ban, banOf } from "./banned.ts";
import { hashOf } from "./tokens.ts";

/** People who have an external id, and which of the product's own tokens sign them in. */

/** A person of the product, or nobody, as their token finds them. */
export interface ProductStanding {
  readonly person: StandingPerson | undefined;
  /** Epoch milliseconds: a token that was made then or before, or does not say when it was made, signs nobody in. Undefined: every one does. */
  readonly endedUntil: number | undefined;
}

interface StandingPerson {
  readonly uid: number;
  readonly power: 0 | 1;
  readonly name: string;
  readonly avatar: string;
  readonly disabled: boolean;
  readonly ban: Ban | undefined;
  readonly updatedAt: number;
  readonly lastSeenAt: number;
}

const standings = prepared((db, asked) =>
  db
    .selectFrom(boundRows({ external_id: "text", hash: "text" }, asked).as("asked"))
    .leftJoin("users", "users.external_id", "asked.external_id")
    .leftJoin("ended_external_ids", "ended_external_ids.external_id_hash", "asked.hash")
    .leftJoin("bans", "bans.uid", "users.uid")
    .select(["asked.external_id as externalId", "users.uid", "power", "name", "avatar", "disabled_at", "updated_at"])
    .select(["users.last_seen_at", "tokens_not_before", "ended_at", ...BAN_COLUMNS]),
);

/** By external id; one statement, whatever their number. */
export async function standingsOf(
  db: Kysely<Schema>,
  externalIds: readonly string[],
): Promise<ReadonlyMap<string, ProductStanding>> {
  const rows = await standings(
    db,
    [...new Set(externalIds)].map((id) => [id, hashOf(id)]),
  );
  return new Map(
    rows.map((row) => {
      const ends = [row.tokens_not_before, row.ended_at].filter((end) => end !== null);
      return [row.externalId, { person: personOf(row), endedUntil: ends.length > 0 ? Math.max(...ends) : undefined }];
    }),
  );
}

function personOf(row: Awaited<ReturnType<typeof standings>>[number]): StandingPerson | undefined {
  const { uid, power, name, avatar } = row;
  if (uid === null || power === null || name === null || avatar === null) return undefined;
  const disabled = row.disabled_at !== null;
  const ban = banOf(row);
  return { uid, power, name, avatar, disabled, ban, updatedAt: row.updated_at ?? 0, lastSeenAt: row.last_seen_at ?? 0 };
}

/** What a token says about its person. */
export interface TokenSays {
  readonly name: string | undefined;
  readonly avatar: string | undefined;
  /** Epoch milliseconds. */
  readonly issuedAt: number | undefined;
}

/** Whether the person was signed out everywhere, or their account deleted, after the token was made. */
export function isEnded({ endedUntil }: ProductStanding, { issuedAt }: Pick<TokenSays, "issuedAt">): boolean {
  return endedUntil !== undefined && (issuedAt === undefined || issuedAt <= endedUntil);
}

/** Names and pictures follow the tokens this often at most. */
const FOLLOWS_EVERY_MS = 60_000;

/**
 * Whether the token knows the name and picture better than the server. An older token, for example on a device that has not come back for a
 * while, may be older than later changes.
 */
export function knowsBetter({ name, avatar, issuedAt }: TokenSays, person: StandingPerson, now: number): boolean {
  if (issuedAt === undefined || issuedAt <= person.updatedAt || now - person.updatedAt < FOLLOWS_EVERY_MS) return false;
  return (name !== undefined && name !== person.name) || (avatar !== undefined && avatar !== person.avatar);
}
