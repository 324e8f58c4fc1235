/**
 * What two people are to each other: friends, or one has blocked the other. This folder looks it up for those who judge what people do with
 * each other: rooms, messages, contacts. It changes nothing; `contacts/` does.
 *
 * Must not import rooms or anything above.
 */
import type { Kysely } from "kysely";
import { boundRows } from "../db/dialect.ts";
import { prepared } from "../db/prepared.ts";
import type { Schema } from "../db/schema.ts";

/** Two people in an order: the first one's friend, or whom the first one has blocked. */
export type Pair = readonly [uid: number, other: number];

/** Pairs as they are found. */
export class Ties {
  readonly #keys: ReadonlySet<string>;

  constructor(pairs: readonly Pair[]) {
    this.#keys = new Set(pairs.map(keyOf));
  }

  has(uid: number, other: number): boolean {
    return this.#keys.has(keyOf([uid, other]));
  }
}

function keyOf([uid, other]: Pair): string {
  return `${uid} ${other}`;
}

const NONE = new Ties([]);

/** Of these pairs, those in which the first person has blocked the second. At most one query. */
export async function blocksAmong(db: Kysely<Schema>, pairs: readonly Pair[]): Promise<Ties> {
  if (pairs.length === 0) return NONE;
  return new Ties((await blockRows(db, pairs)).map(({ uid, other }) => [uid, other]));
}

/** Of these pairs, those who are friends. At most one query. */
export async function friendsAmong(db: Kysely<Schema>, pairs: readonly Pair[]): Promise<Ties> {
  if (pairs.length === 0) return NONE;
  return new Ties((await friendRows(db, pairs)).map(({ uid, other }) => [uid, other]));
}

interface PairRow {
  uid: number;
  other: number;
}

const blockRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows<PairRow>(["uid", "other"], asked).as("asked"))
    .innerJoin("blocks", (join) =>
      join.onRef("blocks.uid", "=", "asked.uid").onRef("blocks.blocked_uid", "=", "asked.other"),
    )
    .select(["asked.uid", "asked.other"]),
);

const friendRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows<PairRow>(["uid", "other"], asked).as("asked"))
    .innerJoin("friends", (join) =>
      join.onRef("friends.uid", "=", "asked.uid").onRef("friends.friend_uid", "=", "asked.other"),
    )
    .select(["asked.uid", "asked.other"]),
);
