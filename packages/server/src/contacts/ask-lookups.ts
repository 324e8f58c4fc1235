import { SYSTEM_UID } from "@parley/protocol";
import type { Kysely } from "kysely";
import { prepared } from "../db/prepared.ts";
import { boundRows, numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { blocksAmong, bothWays, friendsAmong, type Pair, type Ties } from "../ties/ties.ts";
import { REQUEST_COLUMNS, type RequestRow } from "./request-rows.ts";

/** One person asks another. */
export interface Ask {
  readonly uid: number;
  readonly userId: number;
  readonly text: string;
}

/** What a batch has to know; one query reads each kind of it. What the batch changes is noted in it, so that later inputs see it. */
export interface AskLookups {
  /** People who are asked and are somebody. */
  readonly people: ReadonlySet<number>;
  readonly blocks: Ties;
  readonly friends: Ties;
  /** What these people have asked each other, in both directions. Key: `pairKey`. */
  readonly requests: Map<string, RequestRow>;
  /** How many requests of a person's own are open, and how many wait for a person's answer and are not hidden. */
  readonly made: Map<number, number>;
  readonly got: Map<number, number>;
}

/** Of two people in an order: who asks, and who is asked. */
export function pairKey(from: number, to: number): string {
  return `${from} ${to}`;
}

/** Six queries, whatever the number of asks. */
export async function lookUp(db: Kysely<Schema>, asks: readonly Ask[]): Promise<AskLookups> {
  const pairs = asks.map(({ uid, userId }): Pair => [uid, userId]);
  const both = bothWays(pairs);
  const asking = [...new Set(asks.map(({ uid }) => uid))];
  const asked = [...new Set(asks.map(({ userId }) => userId))];
  const [rows, people, blocks, friends, made, got] = await Promise.all([
    requestRows(db, both),
    peopleRows(db, asked),
    blocksAmong(db, both),
    friendsAmong(db, pairs),
    madeRows(db, asking),
    gotRows(db, asked),
  ]);
  return {
    people: new Set(people.map(({ uid }) => uid)),
    blocks,
    friends,
    requests: new Map(rows.map((row) => [pairKey(row.from_uid, row.to_uid), row as RequestRow])),
    made: counted(made),
    got: counted(got),
  };
}

function counted(rows: readonly { uid: number; count: number }[]): Map<number, number> {
  return new Map(rows.map(({ uid, count }) => [uid, count]));
}

const peopleRows = prepared((db, uids) =>
  db
    .selectFrom("users")
    .select("uid")
    .where("uid", "in", numberList(uids))
    .where("deleted_at", "is", null)
    .where("uid", "!=", SYSTEM_UID),
);

const requestRows = prepared((db, pairs) =>
  db
    .selectFrom(boundRows({ asking: "number", asked: "number" }, pairs).as("pair"))
    .innerJoin("friend_requests", (join) =>
      join.onRef("friend_requests.from_uid", "=", "pair.asking").onRef("friend_requests.to_uid", "=", "pair.asked"),
    )
    .select(REQUEST_COLUMNS.map((column) => `friend_requests.${column}` as const)),
);

const madeRows = prepared((db, uids) =>
  db
    .selectFrom("friend_requests")
    .select((eb) => ["from_uid as uid", eb.fn.countAll<number>().as("count")])
    .where("state", "=", "open")
    .where("from_uid", "in", numberList(uids))
    .groupBy("from_uid"),
);

/** Hidden ones do not count: people whom somebody has blocked must not keep others from asking. */
const gotRows = prepared((db, uids) =>
  db
    .selectFrom("friend_requests")
    .select((eb) => ["to_uid as uid", eb.fn.countAll<number>().as("count")])
    .where("state", "=", "open")
    .where("to_uid", "in", numberList(uids))
    .where("hidden", "=", 0)
    .groupBy("to_uid"),
);
