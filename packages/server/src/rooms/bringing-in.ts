import type { Kysely } from "kysely";
import { numberList } from "../db/rows.ts";
import type { Schema } from "../db/schema.ts";
import { nextTurn } from "../lib/interval.ts";
import { ProblemError } from "../lib/problem.ts";
import type { Rates } from "../limits/rates.ts";
import type { Take } from "../limits/take-each.ts";
import type { Actor } from "./rooms.ts";
import type { RoomsContext } from "./rooms-context.ts";

/** The people of one query: they are in some dozens of rooms, so it takes about a millisecond of everybody's thread. */
const ASKED_AT_ONCE = 100;

/** The people who are brought in, each once; the actor is in the room in any case. */
export function othersOf(actor: Pick<Actor, "uid">, memberIds: readonly number[]): number[] {
  const uids = new Set(memberIds);
  uids.delete(actor.uid);
  return [...uids];
}

/** The counts of bringing that many people into a room. */
export function peopleAdded(rates: Rates, { uid }: Pick<Actor, "uid">, uids: readonly number[]): Take[] {
  const amount = uids.length;
  return [
    { rate: rates.peopleAdded, key: uid, amount },
    { rate: rates.peopleAddedADay, key: uid, amount },
  ];
}

/**
 * Those of some people who never shared a room with the person who brings them in, for the write that counts them (`bringing-in-writes.ts`).
 * Undefined: rates are off.
 */
export async function strangersAmong(
  { db, rates }: Pick<RoomsContext, "db" | "rates">,
  { by, uids }: { readonly by: number; readonly uids: readonly number[] },
): Promise<number[] | undefined> {
  if (!rates.peopleAdded.enabled) return undefined;
  const strangers: number[] = [];
  for (let first = 0; first < uids.length; first += ASKED_AT_ONCE) {
    if (first > 0) await nextTurn();
    const asked = uids.slice(first, first + ASKED_AT_ONCE);
    const known = await acquaintancesAmong(db, by, asked);
    strangers.push(...asked.filter((uid) => !known.has(uid)));
  }
  return strangers;
}

export function tooManyRooms(userIds: readonly number[]): ProblemError {
  return new ProblemError("too_many_rooms", undefined, { extra: { userIds: [...userIds] } });
}

/**
 * Those who are or were in a room with somebody, even at different times. The hall has no rows, so it makes nobody known. A room that was
 * dissolved or left makes nobody a stranger again: otherwise a single account could be a stranger as often as it likes.
 */
async function acquaintancesAmong(db: Kysely<Schema>, by: number, uids: readonly number[]): Promise<Set<number>> {
  const rows = await db
    .selectFrom("members as theirs")
    .select("theirs.uid")
    .distinct()
    .where("theirs.uid", "in", numberList(uids))
    .where("theirs.room_id", "in", (eb) =>
      eb.selectFrom("members as own").select("own.room_id").where("own.uid", "=", by),
    )
    .execute();
  return new Set(rows.map(({ uid }) => uid));
}
