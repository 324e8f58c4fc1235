/**
 * What two people are to each other: friends, or one has blocked the other. This folder looks it up for the features that judge what people
 * do with each other: rooms, messages, contacts. It changes nothing; `contacts/` does.
 *
 * Must not import rooms or anything above.
 */
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { ProblemError } from "../lib/problem.ts";

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

/** Those of these pairs in which the first person has blocked the second. At most one query. */
export async function blocksAmong(db: Kysely<Schema>, pairs: readonly Pair[]): Promise<Ties> {
  if (pairs.length === 0) return NONE;
  return new Ties((await blockRows(db, pairs)).map(({ uid, other }) => [uid, other]));
}

/** Those of these pairs who are friends. At most one query. */
export async function friendsAmong(db: Kysely<Schema>, pairs: readonly Pair[]): Promise<Ties> {
  if (pairs.length === 0) return NONE;
  return new Ties((await friendRows(db, pairs)).map(({ uid, other }) => [uid, other]));
}

/** Checks that all of these people are friends of the person. @throws ProblemError `not_friends`, naming those who are not */
export async function checkFriends(db: Kysely<Schema>, uid: number, others: readonly number[]): Promise<void> {
  const friends = await friendsAmong(
    db,
    others.map((other) => [uid, other]),
  );
  const strangers = others.filter((other) => other !== uid && !friends.has(uid, other));
  if (strangers.length > 0) throw new ProblemError("not_friends", undefined, { extra: { userIds: strangers } });
}

/**
 * Those of these others who always appear offline to a person: they have blocked the person, or the person has blocked them. The value is
 * when they were last online, as far as the person may know it. At most one query.
 */
export async function hiddenFrom(
  db: Kysely<Schema>,
  uid: number,
  others: readonly number[],
): Promise<ReadonlyMap<number, number | null>> {
  const rows = others.length === 0 ? [] : await blockRows(db, bothWays(others.map((other) => [uid, other])));
  const mine = rows.filter((row) => row.uid === uid).map(({ other }) => [other, null] as const);
  const theirs = rows.filter((row) => row.uid !== uid).map((row) => [row.uid, row.lastSeenAt] as const);
  // If both have blocked, the other person's block counts.
  return new Map<number, number | null>([...mine, ...theirs]);
}

/** Each pair, and the same two people the other way round. */
export function bothWays(pairs: readonly Pair[]): Pair[] {
  return pairs.flatMap(([uid, other]): Pair[] => [
    [uid, other],
    [other, uid],
  ]);
}

const PAIR = { uid: "number", other: "number" } as const;

const blockRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows(PAIR, asked).as("asked"))
    .innerJoin("blocks", (join) =>
      join.onRef("blocks.uid", "=", "asked.uid").onRef("blocks.blocked_uid", "=", "asked.other"),
    )
    .select(["asked.uid", "asked.other", "blocks.last_seen_at as lastSeenAt"]),
);

const friendRows = prepared((db, asked) =>
  db
    .selectFrom(boundRows(PAIR, asked).as("asked"))
    .innerJoin("friends", (join) =>
      join.onRef("friends.uid", "=", "asked.uid").onRef("friends.friend_uid", "=", "asked.other"),
    )
    .select(["asked.uid", "asked.other"]),
);
