import type { Kysely } from "kysely";
import type { BaseContext } from "../db/base-context.ts";
import { inList } from "../db/dialect.ts";
import type { Schema } from "../db/schema.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import type { Rates } from "../limits/rates.ts";
import type { Take } from "../limits/take-each.ts";
import type { Actor } from "./rooms.ts";

/** What one question asks: people are in some dozens of rooms, so it takes about a millisecond of everybody's thread. */
const ASKED_AT_ONCE = 100;

/** The people who are brought in, each once; the actor is there in any case. */
export function othersOf(actor: Pick<Actor, "uid">, memberIds: readonly number[]): number[] {
  const uids = new Set(memberIds);
  uids.delete(actor.uid);
  return [...uids];
}

/** What bringing so many people into a room counts as. */
export function peopleAdded(rates: Rates, { uid }: Pick<Actor, "uid">, uids: readonly number[]): Take[] {
  const amount = uids.length;
  return [
    { rate: rates.peopleAdded, key: uid, amount },
    { rate: rates.peopleAddedADay, key: uid, amount },
  ];
}

/**
 * Brings people into a room by `write`. For those who share no room with the person who does it, that counts as a room into which a stranger
 * brought them; when the write fails, nothing is counted.
 * @throws ProblemError `too_many_rooms`, naming the people into whose life strangers have brought enough rooms today
 */
export async function bringIn<T>(
  { db, rates }: Pick<BaseContext, "db" | "rates">,
  { by, uids }: { by: number; uids: readonly number[] },
  write: () => Promise<T>,
): Promise<T> {
  const { roomsByStrangers } = rates;
  if (!roomsByStrangers.enabled) return write();
  const strangers = await strangersAmong(db, by, uids);
  // From here to the counting nothing else runs, so that many at the same moment find no gap.
  const full = strangers.filter((uid) => !roomsByStrangers.hasRoom(uid));
  if (full.length > 0) throw tooManyRooms(full);
  for (const uid of strangers) roomsByStrangers.take(uid);
  try {
    return await write();
  } catch (error) {
    for (const uid of strangers) roomsByStrangers.giveBack(uid);
    throw error;
  }
}

export function tooManyRooms(userIds: readonly number[]): ProblemError {
  return new ProblemError("too_many_rooms", undefined, { extra: { userIds: [...userIds] } });
}

/** Those who are in no room with somebody. The hall has no rows, so it makes nobody known, nor does a room that was dissolved. */
async function strangersAmong(db: Kysely<Schema>, by: number, uids: readonly number[]): Promise<number[]> {
  const strangers: number[] = [];
  for (let first = 0; first < uids.length; first += ASKED_AT_ONCE) {
    if (first > 0) await nextTurn();
    const asked = uids.slice(first, first + ASKED_AT_ONCE);
    const known = await acquaintancesAmong(db, by, asked);
    strangers.push(...asked.filter((uid) => !known.has(uid)));
  }
  return strangers;
}

async function acquaintancesAmong(db: Kysely<Schema>, by: number, uids: readonly number[]): Promise<Set<number>> {
  const rows = await db
    .selectFrom("members as theirs")
    .select("theirs.uid")
    .distinct()
    .where("theirs.uid", "in", inList(uids))
    .where("theirs.left_seq", "is", null)
    .where("theirs.room_id", "in", (eb) =>
      eb
        .selectFrom("members as own")
        .innerJoin("rooms", "rooms.id", "own.room_id")
        .select("own.room_id")
        .where("own.uid", "=", by)
        .where("own.left_seq", "is", null)
        .where("rooms.dissolved_seq", "is", null),
    )
    .execute();
  return new Set(rows.map(({ uid }) => uid));
}
